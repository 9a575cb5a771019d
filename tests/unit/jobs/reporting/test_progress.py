# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/reporting/progress.py: sums of all layers, never backwards, and no cancel once it would lie."""

import pytest

from appctld.jobs.job import UNKNOWN, Job
from appctld.jobs.reporting.observer import Nobody
from appctld.jobs.reporting.progress import JobProgress


class Counter(Nobody):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.changes = 0

    def job_changed(self, job: Job) -> None:
        self.changes += 1


@pytest.fixture
def job() -> Job:
    return Job(number=1, kind="install", refs=(), uid=0, background=False, title="")


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def progress(job: Job, counter: Counter) -> JobProgress:
    return JobProgress(job, counter)


def test_before_the_plan_is_known_the_percentage_is_not(job: Job, progress: JobProgress) -> None:
    progress.stage("resolving")
    assert (job.stage, job.percent, job.cancelable) == ("resolving", UNKNOWN, True)


def test_all_layers_of_all_apps_are_added_up(job: Job, progress: JobProgress) -> None:
    progress.expect({"a": 50, "b": 30}, {"c": 10})
    progress.expect({"d": 20}, {"e": 5})
    progress.downloaded("a", 40)
    progress.downloaded("d", 10)
    assert (job.bytes_done, job.bytes_total, job.bytes_reused, job.percent) == (50, 100, 15, 50)


def test_a_layer_of_two_apps_counts_once(job: Job, progress: JobProgress) -> None:
    progress.expect({"a": 100}, {})
    progress.downloaded("a", 100)
    progress.expect({"a": 100}, {"a": 100})
    progress.expect({}, {"a": 100})
    assert (job.bytes_done, job.bytes_total, job.bytes_reused, job.percent) == (100, 100, 0, 100)


def test_what_turns_out_to_be_here_is_not_waited_for(job: Job, progress: JobProgress) -> None:
    progress.expect({"a": 50, "b": 50}, {})
    progress.expect({}, {"b": 50})
    progress.downloaded("a", 50)
    assert (job.bytes_done, job.bytes_total, job.bytes_reused, job.percent) == (50, 50, 50, 100)


def test_what_was_thought_to_be_here_may_come_all_the_same(job: Job, progress: JobProgress) -> None:
    progress.expect({"a": 50}, {"b": 50})
    progress.downloaded("a", 50)
    progress.downloaded("b", 25)
    assert (job.bytes_done, job.bytes_total, job.bytes_reused, job.percent) == (75, 100, 0, 100)


def test_the_bytes_that_are_done_never_go_backwards(job: Job, progress: JobProgress) -> None:
    progress.expect({"a": 100}, {})
    progress.downloaded("a", 60)
    progress.downloaded("a", 20)
    assert (job.bytes_done, job.percent) == (60, 60)
    progress.expect({"b": 100}, {})
    assert (job.bytes_total, job.percent) == (200, 60)


def test_every_app_has_the_same_share_and_none_takes_any_back(job: Job, progress: JobProgress) -> None:
    job.part = 0, 4
    progress.expect({"a": 10}, {})
    progress.downloaded("a", 5)
    assert job.percent == 12
    job.part = 1, 4
    progress.expect({}, {"x": 5})
    assert job.percent == 25
    job.part = 2, 4
    progress.expect({"b": 1000}, {})
    assert job.percent == 50
    progress.downloaded("b", 1000)
    assert (job.bytes_done, job.bytes_total, job.percent) == (1005, 1010, 75)


def test_it_is_never_more_than_everything(job: Job, progress: JobProgress) -> None:
    progress.expect({"a": 10}, {})
    progress.downloaded("a", 1000)
    assert job.percent == 100


def test_with_nothing_to_download_there_is_no_percentage(job: Job, progress: JobProgress) -> None:
    progress.expect({}, {"a": 100})
    assert (job.percent, job.bytes_reused) == (UNKNOWN, 100)


def test_bytes_of_which_nobody_knew_are_told_and_no_part_of_it(job: Job, progress: JobProgress) -> None:
    """Those of a catalogue, or of a native commit."""
    progress.downloaded("commit", 70)
    assert (job.bytes_done, job.bytes_total, job.percent) == (70, 0, UNKNOWN)
    progress.expect({"a": 10}, {})
    progress.downloaded("a", 5)
    assert (job.bytes_done, job.bytes_total, job.percent) == (75, 80, 50)


def test_while_it_is_deployed_it_cannot_be_cancelled_and_for_the_next_app_it_can(
    job: Job, progress: JobProgress
) -> None:
    progress.stage("deploying")
    assert not job.cancelable
    progress.stage("resolving")
    assert job.cancelable


@pytest.mark.parametrize("before", ["deploying", "removing"])
@pytest.mark.parametrize("after", ["exporting", "cleanup"])
def test_what_follows_a_change_is_as_little_cancelable_and_what_comes_alone_is(
    after: str, before: str, job: Job, progress: JobProgress
) -> None:
    progress.stage(after)
    assert job.cancelable
    progress.stage(before)
    progress.stage(after)
    assert (job.stage, job.cancelable) == (after, False)


def test_every_change_is_told(progress: JobProgress, counter: Counter) -> None:
    progress.stage("downloading")
    progress.expect({"a": 10}, {})
    progress.downloaded("a", 1)
    assert counter.changes == 3
