# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A job says so much and no more."""

import json

from appctld.errors import LimitExceeded, NotFound
from appctld.jobs.job import JOB_BYTES, TITLE_LENGTH, Job
from appctld.jobs.requests import Install


def job(**fields: object) -> Job:
    made = Job(1, "install", ("h.io/a:1",), 1000, background=False, title="Install h.io/a:1")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_a_title_is_one_line() -> None:
    long = Job(1, "install", (), 1000, background=False, title=Install(("h.io/" + "a" * 250,) * 32).title)
    assert len(long.title) == TITLE_LENGTH
    assert long.title.endswith("…")
    assert job().title == "Install h.io/a:1"


def test_the_weight_is_more_than_the_texts() -> None:
    result = {"apps": [{"id": "org.acme.Editor", "layers": ["sha256:" + "ä" * 64] * 50, "size": 2**40}]}
    assert job(result=result).weight > len(json.dumps(result, ensure_ascii=False).encode())


def test_what_a_job_says_at_its_end_is_bounded() -> None:
    ended = job(result={"text": "x" * JOB_BYTES}, items=[{"id": "x"}], error=NotFound("x", hint="y"))
    ended.settle()
    assert (ended.result, ended.items) == ({}, [])
    assert ended.error is not None
    assert ended.error.advice == "y", "what fits stays"


def test_an_error_of_any_size_is_cut_to_its_sentence() -> None:
    ended = job(error=LimitExceeded("long " * JOB_BYTES, looked_at=["x" * JOB_BYTES]))
    ended.settle()
    assert isinstance(ended.error, LimitExceeded)
    assert ended.weight < 2000
    assert ended.error.message.startswith("long long")


def test_a_common_result_stays_whole() -> None:
    app = {"id": "org.acme.Editor", "layers": ["sha256:" + "0" * 64] * 256}
    ended = job(result={"apps": [app] * 32})
    ended.settle()
    assert ended.result == {"apps": [app] * 32}
