# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Several apps in one job: one after the other, and none hides another, whatever it ends in."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from appctld.errors import Busy, Failed, NoSpace, NotFound
from appctld.jobs.requests import Update
from appctld.jobs.workshop import each
from appctld.model.jsonvalue import Json, JsonObject
from appctld.state.history import read_events
from support.worlds.world import Yard

NO_SPACE = 28


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def tried(yard: Yard, outcomes: Mapping[str, BaseException | None]) -> list[Json]:
    """A job of several apps, each of which ends so."""

    async def one(name: str) -> JsonObject:
        error = outcomes[name]
        if error is not None:
            raise error
        return {"id": name}

    return asyncio.run(each(yard.shop(Update(tuple(outcomes))), outcomes, one))


def told(yard: Yard) -> list[tuple[object, object]]:
    return [(item["id"], item.get("error", "")) for item in yard.job.items]


def test_the_others_are_tried_whatever_one_ends_in(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    done = tried(
        yard,
        {"a.b.C": KeyError("secret"), "a.b.D": OSError(NO_SPACE, "full"), "a.b.E": NotFound(), "a.b.F": None},
    )
    assert done == [{"id": "a.b.F"}]
    assert told(yard) == [("a.b.C", "Failed"), ("a.b.D", "NoSpace"), ("a.b.E", "NotFound"), ("a.b.F", "")]
    assert isinstance(yard.job.error, Failed)
    assert yard.job.error.message == "unexpected KeyError"
    assert [record.exc_info is not None for record in caplog.records if "update of" in record.message] == [
        True,
        True,
    ]
    errors = [event["error"] for event in read_events(yard.paths, lambda _event: True)]
    assert errors == ["NotFound", "NoSpace", "Failed"]


@pytest.mark.parametrize(
    ("raised", "leaf"), [(KeyError("secret"), Failed), (OSError(NO_SPACE, "full"), NoSpace), (Busy(), Busy)]
)
def test_one_alone_fails_its_job_with_its_own_error(
    yard: Yard, raised: Exception, leaf: type[Exception]
) -> None:
    with pytest.raises(leaf):
        tried(yard, {"a.b.C": raised})
    assert yard.job.items == []


def test_a_job_that_is_cancelled_tries_no_other(yard: Yard) -> None:
    with pytest.raises(asyncio.CancelledError):
        tried(yard, {"a.b.C": asyncio.CancelledError(), "a.b.D": None})
    assert yard.job.items == []
    assert [event["error"] for event in read_events(yard.paths, lambda _event: True)] == ["Cancelled"]


def test_the_keys_of_what_an_item_says_are_the_buss(yard: Yard) -> None:
    tried(yard, {"a.b.C": NoSpace("full", bytes_needed=5), "a.b.D": None})
    assert yard.job.items[0]["error-details"] == {"bytes-needed": 5}
