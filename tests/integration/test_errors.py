# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every error, through the CLI, on a real cause: its name, its exit code, one sentence, and a hint."""

from collections.abc import Iterator

import pytest

from appctl.exits import TABLE
from appctld.errors import leaves
from support.causes import CAUSES, ELSEWHERE, Town
from support.machines.machine import Machine
from support.publishers.publisher import Publisher

HINTLESS = {"Failed"}  # that the directory cannot be written to says all; the journal knows no more


@pytest.fixture(scope="module")
def town(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    work = tmp_path_factory.mktemp("town")
    with Machine(work / "machine", measured=False) as machine:
        town = Town(machine, publisher, work)
        yield town
        town.close()
        machine.fsck()


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
    if error["hint"]:
        assert f"hint: {error['hint']}" in ran.err
    if name in leaves() and leaves()[name].hint and name not in HINTLESS:
        assert error["hint"], "the leaf has a hint, and it did not arrive"


@pytest.mark.parametrize("name", [name for name in CAUSES if TABLE[name] == 0])
def test_what_is_so_already_is_no_error(town: Town, name: str) -> None:
    ran = CAUSES[name].act(town)
    assert (ran.code, ran.json["changed"], ran.json["errors"]) == (0, False, [])


def test_every_error_has_a_cause_here_or_is_shown_elsewhere() -> None:
    assert {*CAUSES, *ELSEWHERE} == set(TABLE)
    assert not set(CAUSES) & set(ELSEWHERE)
