# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which directories a remote may have, asked of real ones."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import PolicyDenied, RegistryUnavailable
from appctld.pipeline.place import check_directory


@pytest.fixture
def place() -> Iterator[Path]:
    """Directly under /tmp: what is above a test's own directory may be anybody's."""
    with tempfile.TemporaryDirectory(prefix="place-", dir="/tmp") as name:
        yield Path(name)


def checked(directory: Path, *inside: str) -> None:
    asyncio.run(check_directory(directory, *inside))


def test_a_directory_that_nobody_else_can_change_is_read(place: Path) -> None:
    (place / "repo").mkdir(mode=0o755)
    checked(place / "repo")


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777])
def test_one_that_others_can_write_is_not(place: Path, mode: int) -> None:
    (place / "repo").mkdir()
    (place / "repo").chmod(mode)
    with pytest.raises(PolicyDenied, match="can be changed by others"):
        checked(place / "repo")


def test_nor_one_that_others_can_put_another_in_the_place_of(place: Path) -> None:
    (place / "above/repo").mkdir(parents=True)
    (place / "above").chmod(0o777)
    with pytest.raises(PolicyDenied, match="above can be changed"):
        checked(place / "above/repo")


def test_nor_one_of_somebody_else(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(PolicyDenied, match="can be changed by others"):
        checked(place)


def test_a_symlink_is_not_followed(place: Path) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to("real")
    for path in (place / "link", place / "link/below"):
        with pytest.raises(PolicyDenied, match="is no directory"):
            checked(path)


def test_what_is_not_there_is_like_a_registry_that_is_down(place: Path) -> None:
    with pytest.raises(RegistryUnavailable, match=r"there is no .*/medium"):
        checked(place / "medium/images")


def test_a_file_inside_must_be_its_owners_too(place: Path) -> None:
    checked(place, "index.json")
    file = place / "index.json"
    file.write_text("{}")
    file.chmod(0o644)
    checked(place, "index.json")
    file.chmod(0o666)
    with pytest.raises(PolicyDenied, match=r"index\.json can be changed by others"):
        checked(place, "index.json")
    file.unlink()
    file.symlink_to("elsewhere")
    with pytest.raises(PolicyDenied, match=r"index\.json is no regular file"):
        checked(place, "index.json")
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(PolicyDenied, match=r"index\.json is no regular file"):
        checked(place, "index.json")


def test_a_file_system_that_does_not_answer_is_given_up(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appctld.pipeline.place.STAT", standing_in(place, "exec sleep 1000"))
    monkeypatch.setattr("appctld.pipeline.place.DEADLINE", 0.2)
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        checked(place)


def standing_in(place: Path, script: str) -> str:
    """A program in the place of stat(1)."""
    program = place / "stat"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_an_answer_that_says_nothing_or_too_much_lets_nothing_pass(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appctld.pipeline.place.STAT", standing_in(place, "exit 0"))
    with pytest.raises(PolicyDenied, match="cannot be looked at"):
        checked(place)
    much = "head -c 70000 /dev/zero | tr '\\0' x"
    monkeypatch.setattr("appctld.pipeline.place.STAT", standing_in(place, much))
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        checked(place)
