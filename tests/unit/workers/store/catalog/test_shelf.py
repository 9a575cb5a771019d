# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/shelf.py: what is current is whole, and everybody may read it."""

import os
import stat
from pathlib import Path

import pytest

from appctld.errors import Failed
from appctld.workers.store import disk
from appctld.workers.store.catalog.searching.claims import Claims
from appctld.workers.store.catalog.shelf import CATALOG, Shelf, document
from appctld.workers.store.catalog.united import ALL, UNITED, unite
from appctld.workers.store.space import Room

EDITOR, TOOL = (f"<component><id>org.acme.{name}</id></component>\n".encode() for name in ("Editor", "Tool"))
ROOM = Room(lambda: 1 << 40)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "catalogs", tmp_path / "swcatalog")


def listed(*components: bytes) -> dict[str, bytes]:
    return {CATALOG: b"".join(document("x", components)), "icons/64x64/org.acme.Editor.png": b"png"}


def put(shelf: Shelf, remote: str, files: dict[str, bytes]) -> None:
    shelf.show(remote, shelf.prepare(remote, files, ROOM))


def test_the_newest_is_current_and_nothing_else_is_left(shelf: Shelf) -> None:
    for components in ([EDITOR], [EDITOR, TOOL]):
        put(shelf, "acme", listed(*components))
        assert (shelf.current("acme") / CATALOG).read_bytes() == listed(*components)[CATALOG]
    assert len(list((shelf.catalogs / "acme").iterdir())) == 2


def test_everybody_may_read_it(shelf: Shelf) -> None:
    put(shelf, "acme", listed(EDITOR))
    unite(shelf, Claims({"acme": ()}, {}), {}, "")
    for path in [*shelf.catalogs.rglob("*"), *shelf.united.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert path.is_symlink() or mode == (0o755 if path.is_dir() else 0o644), path


def test_what_is_prepared_shows_when_it_is_said_and_not_before(shelf: Shelf) -> None:
    put(shelf, "acme", listed(EDITOR))
    forgotten, name = (shelf.prepare("acme", listed(*some), ROOM) for some in ([TOOL], [EDITOR, TOOL]))
    assert (shelf.current("acme") / CATALOG).read_bytes() == listed(EDITOR)[CATALOG]
    with pytest.raises(FileNotFoundError):
        shelf.show("acme", forgotten)
    shelf.show("acme", name)
    assert (shelf.current("acme") / CATALOG).read_bytes() == listed(EDITOR, TOOL)[CATALOG]
    assert len(list((shelf.catalogs / "acme").iterdir())) == 2


@pytest.mark.parametrize("name", ["..", "../other", "current", ""])
def test_what_was_not_prepared_is_not_shown(shelf: Shelf, name: str) -> None:
    put(shelf, "acme", listed(EDITOR))
    with pytest.raises(Failed, match="not the name of a catalogue"):
        shelf.show("acme", name)


def test_what_is_dropped_is_gone_and_what_was_never_there_is_no_failure(shelf: Shelf) -> None:
    assert shelf.remotes() == []
    shelf.drop(["acme"])
    put(shelf, "acme", listed(EDITOR))
    put(shelf, "beta", listed(EDITOR))
    assert shelf.remotes() == ["acme", "beta"]
    shelf.drop(["acme"])
    assert shelf.remotes() == ["beta"]


@pytest.mark.parametrize("name", ["../apps", "", ".", "Acme", "a/b"])
def test_a_name_that_is_no_remotes_is_no_path(shelf: Shelf, name: str) -> None:
    shelf.catalogs.mkdir()
    with pytest.raises(Failed):
        shelf.prepare(name, {}, ROOM)
    with pytest.raises(Failed):
        shelf.show(name, "0" * 16)
    with pytest.raises(Failed):
        shelf.drop([name])
    with pytest.raises(Failed):
        shelf.current(name)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was put on the disk, by the last part of its path, and where `current` moved."""
    told: list[str] = []
    sync, fsync, point = disk.sync, os.fsync, disk.point

    def name(descriptor: int) -> str:
        return Path(f"/proc/self/fd/{descriptor}").readlink().name

    def told_sync(within: int) -> None:
        told.append(f"all of {name(within)}")
        sync(within)

    def told_fsync(descriptor: int) -> None:
        told.append(name(descriptor))
        fsync(descriptor)

    def told_point(new: str, within: int) -> None:
        told.append("current")
        point(new, within)

    monkeypatch.setattr(disk, "sync", told_sync)
    monkeypatch.setattr(os, "fsync", told_fsync)
    monkeypatch.setattr(disk, "point", told_point)
    return told


def test_everything_is_on_the_disk_before_it_is_current(shelf: Shelf, synced: list[str]) -> None:
    put(shelf, "acme", listed(EDITOR))
    assert synced == ["all of acme", "catalogs", "current", "acme"]


def test_what_is_gone_is_gone_after_a_power_cut(shelf: Shelf, synced: list[str]) -> None:
    put(shelf, "acme", listed(EDITOR))
    synced.clear()
    shelf.drop(["acme"])
    unite(shelf, Claims({}, {}), {}, "")
    named = [name for name in synced if not name.startswith(disk.STAGING)]
    assert named == ["catalogs", "xml", "swcatalog"]


def test_a_start_leaves_nothing_but_what_is_current(shelf: Shelf) -> None:
    shelf.sweep()
    put(shelf, "acme", listed(EDITOR))
    shelf.prepare("acme", listed(TOOL), ROOM)
    shelf.prepare("beta", listed(TOOL), ROOM)
    unite(shelf, Claims({"acme": ()}, {}), {}, "")
    kept = {*shelf.current("acme").resolve().rglob("*"), shelf.united / "xml" / ALL, shelf.united / UNITED}
    for place in (shelf.catalogs, shelf.united, shelf.united / "xml"):
        (place / f"{disk.STAGING}x").mkdir()
    shelf.sweep()
    left = {path for top in (shelf.catalogs, shelf.united) for path in top.rglob("*")}
    assert left - kept == {
        shelf.catalogs / "acme",
        shelf.catalogs / "beta",  # of which the daemon says whether it stays
        shelf.current("acme"),
        shelf.current("acme").resolve(),
        shelf.united / "xml",
    }
    assert kept <= left


def test_what_is_no_remotes_is_not_told_as_one(shelf: Shelf) -> None:
    put(shelf, "acme", listed(EDITOR))
    (shelf.catalogs / "Other").mkdir()
    (shelf.catalogs / ".x").mkdir()
    assert shelf.remotes() == ["acme"]
