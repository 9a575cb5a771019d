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
    progress.expect(to_download=80, here=10)
    progress.expect(to_download=20, here=5)
    progress.downloaded("a", 40)
    progress.downloaded("b", 10)
    assert (job.bytes_done, job.bytes_total, job.bytes_reused, job.percent) == (50, 100, 15, 50)


def test_the_bytes_that_are_done_never_go_backwards(job: Job, progress: JobProgress) -> None:
    progress.expect(100, 0)
    progress.downloaded("a", 60)
    progress.downloaded("a", 20)
    assert (job.bytes_done, job.percent) == (60, 60)


def test_it_is_never_more_than_everything(job: Job, progress: JobProgress) -> None:
    progress.expect(10, 0)
    progress.downloaded("a", 1000)
    assert job.percent == 100


def test_with_nothing_to_download_there_is_no_percentage(job: Job, progress: JobProgress) -> None:
    progress.expect(0, 100)
    assert (job.percent, job.bytes_reused) == (UNKNOWN, 100)


def test_while_it_is_deployed_it_cannot_be_cancelled_and_for_the_next_app_it_can(
    job: Job, progress: JobProgress
) -> None:
    progress.stage("deploying")
    assert not job.cancelable
    progress.stage("resolving")
    assert job.cancelable


@pytest.mark.parametrize("after", ["exporting", "cleanup"])
def test_what_follows_a_deployment_is_as_little_cancelable_and_what_comes_alone_is(
    after: str, job: Job, progress: JobProgress
) -> None:
    progress.stage(after)
    assert job.cancelable
    progress.stage("deploying")
    progress.stage(after)
    assert (job.stage, job.cancelable) == (after, False)


def test_every_change_is_told(progress: JobProgress, counter: Counter) -> None:
    progress.stage("downloading")
    progress.expect(10, 0)
    progress.downloaded("a", 1)
    assert counter.changes == 3
