# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the journal says of jobs: one line for what was done, one for what failed, each with its fields."""

import logging
from pathlib import Path

import pytest

from appctld.errors import NotFound
from appctld.jobs.job import Job
from appctld.jobs.reporting.journaling import log_failed
from appctld.jobs.requests import Install, Update
from appctld.system.journal import FIELDS
from support.worlds.world import Yard, release

APP, REFERENCE = "org.acme.Hello", "acme.example/x/hello:1"


@pytest.fixture
def yard(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Yard:
    caplog.set_level(logging.INFO, "appctld.jobs")
    yard = Yard(tmp_path)
    release(yard, APP, 1)
    return yard


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, object]]]:
    """Each line that is about a job, with its fields."""
    found = [
        (record.getMessage(), {name: vars(record)[name] for name in FIELDS if name in vars(record)})
        for record in caplog.records
    ]
    caplog.clear()
    return [(text, fields) for text, fields in found if fields]


def test_what_is_done_is_told_once_with_its_app_and_its_remote(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {"JOB": 1, "UID": 1, "APP": APP, "REMOTE": "acme"}
    yard.do(Install((REFERENCE,)))
    assert told(caplog) == [(f"job 1: install {APP} 1.0", fields)]
    release(yard, APP, 2)
    yard.do(Update((APP,)))
    assert told(caplog) == [(f"job 2: update {APP} 2.0", {**fields, "JOB": 2})]
    yard.do(Update((APP,)))
    assert told(caplog) == []


def test_of_several_each_that_fails_has_a_line(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    yard.do(Install((REFERENCE, "acme.example/x/hello:none")))
    done, failed = told(caplog)
    assert done[1]["APP"] == APP
    assert failed[0].startswith("job 1 (acme.example/x/hello:none): NotFound: ")
    assert failed[1] == {"JOB": 1, "UID": 1, "REMOTE": "acme", "ERROR": "NotFound"}


def test_who_is_named_by_an_id_is_found_by_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "appctld.jobs")
    job = Job(number=7, kind="update", refs=(APP,), uid=1000, background=True, title="")
    log_failed(job, APP, NotFound("gone").about(remote="acme"))
    assert told(caplog) == [
        (
            f"job 7 ({APP}): NotFound: gone",
            {"JOB": 7, "UID": 1000, "APP": APP, "REMOTE": "acme", "ERROR": "NotFound"},
        )
    ]
