# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A disk that is too small is said before anything is downloaded; one that is large enough costs nothing."""

from pathlib import Path

import pytest

from appctld.errors import Failed, NoSpace
from appctld.jobs.apps import room
from appctld.jobs.requests import Install, Prune, Repair, Resolve, Uninstall, Verify
from appctld.model.jsonvalue import get_int, get_object
from support.worlds.world import BASE, TOP, Yard

REFERENCE = "acme.example/x/hello:1"
PETABYTE = 10**15
FREE = "min-free-space-size="


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def says(yard: Yard, size: object) -> None:
    """Publish an image whose publisher says that it takes so much."""
    yard.registry.push("1", [BASE], Labels={"org.flatpak.installed-size": str(size)})


@pytest.mark.parametrize("request_", [Install((REFERENCE,)), Resolve(REFERENCE)])
def test_what_cannot_fit_is_refused_while_nothing_has_changed(
    yard: Yard, request_: Install | Resolve
) -> None:
    says(yard, PETABYTE)
    with pytest.raises(NoSpace) as caught:
        yard.do(request_)
    assert f"{yard.paths.root} needs 1000000000 MB, " in caught.value.message
    assert " MB free above the " in caught.value.message
    assert caught.value.advice == "appctl prune --dry-run    (0 MB can go)"
    assert caught.value.data["bytes_needed"] == PETABYTE
    assert "receive" not in yard.ops()
    assert not list(yard.paths.apps.iterdir())


def test_where_nobody_can_write_nothing_is_tried_and_all_can_be_looked_at(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.registry.push("1", [BASE])
    yard.do(Install((REFERENCE,)))
    monkeypatch.setattr(room, "is_read_only", lambda _path: True)
    before = yard.ops()
    for request in (Install((REFERENCE,)), Uninstall(("example.acme.x.hello",)), Repair(), Prune()):
        with pytest.raises(Failed, match="is read-only: nothing was changed") as caught:
            yard.do(request)
        assert caught.value.advice.startswith("appctl doctor    (")
    assert yard.ops() == before
    for look in (Resolve(REFERENCE), Verify(()), Repair({"dry-run": True}), Prune({"dry-run": True})):
        yard.do(look)


def test_what_a_prune_would_free_is_said(yard: Yard) -> None:
    blob = yard.paths.blobs / ("0" * 64)
    blob.write_bytes(b"x" * 7_000_000)
    says(yard, PETABYTE)
    with pytest.raises(NoSpace) as caught:
        yard.do(Resolve(REFERENCE))
    assert caught.value.advice == "appctl prune --dry-run    (7 MB can go)"


def test_with_room_nobody_is_asked_for_it(yard: Yard) -> None:
    says(yard, 1000)
    preview = get_object(yard.do(Resolve(REFERENCE)), "preview")
    assert get_int(preview, "installed-size") == 1000
    yard.do(Install((REFERENCE,)))
    assert "room" not in yard.ops()


@pytest.mark.parametrize("size", ["", "-5", "1e30", "9" * 19, "\u0661", "0x10", 0])
def test_a_size_that_is_none_is_not_said(yard: Yard, size: object) -> None:
    says(yard, size)
    assert get_int(get_object(yard.do(Resolve(REFERENCE)), "preview"), "installed-size") == 0


def test_what_is_here_already_may_be_all_that_is_needed(yard: Yard) -> None:
    """Then what the publisher says is no least: an update is tried."""
    says(yard, 1000)
    yard.do(Install((REFERENCE,)))
    yard.registry.push("1", [BASE, TOP], Labels={"org.flatpak.installed-size": str(PETABYTE)})
    yard.do(Install((REFERENCE,)))


def test_the_reserve_counts(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reserve larger than what is free leaves room for nothing."""
    monkeypatch.setattr(room, "NEAR", 100)
    config = yard.paths.repo / "config"
    config.write_text(config.read_text().replace("[core]", f"[core]\n{FREE}900000GB"))
    says(yard, 1000)
    with pytest.raises(NoSpace, match=r"needs 1 MB, 0 MB free above the \d+ MB reserve"):
        yard.do(Resolve(REFERENCE))
