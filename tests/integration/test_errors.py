# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every error, through the CLI, on a real cause: its name, its exit code, its sentence and its hint.

The last two as they stand in docs/errors.md, where `*` stands for what differs each time.
"""

from collections.abc import Iterator

import pytest

from appctl.exits import TABLE
from error_table import DOCUMENT, said_in
from support.causes import CAUSES, ELSEWHERE, Town
from support.publishers.publisher import Publisher
from support.told import populated, said

SAID = said_in(DOCUMENT.read_text())
HINTLESS = {"Cancelled"}  # it is what was asked for


@pytest.fixture(scope="module")
def town(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    work = tmp_path_factory.mktemp("town")
    with populated(publisher, work) as town:
        yield town


@pytest.mark.parametrize("name", [name for name in CAUSES if TABLE[name] != 0])
def test_an_error_is_told_as_the_table_says(town: Town, name: str) -> None:
    ran = CAUSES[name].act(town)
    document = ran.json
    errors = document.get("errors") or [document["error"]]
    assert [error["name"] for error in errors] == [name], ran
    assert (ran.code, document["changed"]) == (TABLE[name], False)
    (error,) = errors
    assert error["message"] in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.startswith("error: ") or name == "Cancelled"
    assert bool(error["hint"]) != (name in HINTLESS)
    assert f"hint: {error['hint']}" in ran.err or name in HINTLESS
    assert said(ran, town.work) == SAID[name], "scripts/error-table --ask, if that is what it is to say"


@pytest.mark.parametrize("name", [name for name in CAUSES if TABLE[name] == 0])
def test_what_is_so_already_is_no_error(town: Town, name: str) -> None:
    ran = CAUSES[name].act(town)
    assert (ran.code, ran.json["changed"], ran.json["errors"]) == (0, False, [])


def test_every_error_has_a_cause_here_or_is_shown_elsewhere() -> None:
    assert {*CAUSES, *ELSEWHERE} == set(TABLE)
    assert not set(CAUSES) & set(ELSEWHERE)
