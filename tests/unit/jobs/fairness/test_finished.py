# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Finished jobs are kept within numbers and bytes, the newest of everybody."""

import pytest

from appctld.jobs.fairness.finished import (
    KEPT,
    KEPT_BYTES,
    KEPT_BYTES_PER_UID,
    KEPT_PER_UID,
    Finished,
)
from appctld.jobs.job import JOB_BYTES, Job

LARGEST = JOB_BYTES - 2000


class Kept:
    """What is kept, by what `add` said."""

    def __init__(self) -> None:
        self.finished = Finished()
        self.jobs: list[Job] = []

    def add(self, uid: int, size: int = 0) -> Job:
        job = Job(
            len(self.jobs), "install", (), uid, background=False, title="x", result={"text": "x" * size}
        )
        self.jobs.append(job)
        for gone in self.finished.add(job):
            self.jobs.remove(gone)
        return job

    def of(self, uid: int) -> list[Job]:
        return [job for job in self.jobs if job.uid == uid]

    @property
    def weight(self) -> int:
        return sum(job.weight for job in self.jobs)


def test_of_each_user_the_newest_are_kept() -> None:
    kept = Kept()
    other = kept.add(2)
    mine = [kept.add(1) for _ in range(KEPT_PER_UID * 3)]
    assert kept.of(1) == mine[-KEPT_PER_UID:]
    assert kept.of(2) == [other]


def test_the_bytes_of_each_user_are_bounded() -> None:
    kept = Kept()
    mine = [kept.add(1, LARGEST) for _ in range(5)]
    assert kept.of(1) == mine[-2:]
    assert kept.weight <= KEPT_BYTES_PER_UID


def test_who_keeps_most_makes_room_for_all() -> None:
    kept = Kept()
    quiet = [kept.add(uid) for uid in range(1000, 1008)]
    for uid in range(KEPT // KEPT_PER_UID):
        for _ in range(KEPT_PER_UID):
            kept.add(uid)
    assert len(kept.jobs) == KEPT
    assert all(job in kept.jobs for job in quiet)


def test_the_bytes_of_all_are_bounded_and_the_newest_stays() -> None:
    kept = Kept()
    for uid in range(20):
        job = kept.add(uid, LARGEST)
        assert job in kept.jobs
        assert kept.weight <= KEPT_BYTES
    small = kept.add(100)
    kept.add(101, LARGEST)
    assert small in kept.jobs


@pytest.mark.parametrize("forget", [True, False])
def test_what_was_removed_takes_no_place(*, forget: bool) -> None:
    kept = Kept()
    first = kept.add(1)
    for _ in range(KEPT_PER_UID - 1):
        kept.add(1)
    if forget:
        kept.finished.discard(first)
        kept.finished.discard(first)
    kept.add(1)
    assert (first in kept.jobs) is forget
