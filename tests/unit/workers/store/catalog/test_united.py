# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/united.py: the file of all has each ID once, as whose it is, and is whole."""

import json
import os
from pathlib import Path

import pytest

from appctld.workers.store import disk
from appctld.workers.store.catalog import united as module
from appctld.workers.store.catalog.searching.claims import Claims
from appctld.workers.store.catalog.shelf import CATALOG, Shelf, document
from appctld.workers.store.catalog.united import ALL, UNITED, unite
from appctld.workers.store.space import Room

EDITOR, TOOL = (f"<component><id>org.acme.{name}</id></component>\n".encode() for name in ("Editor", "Tool"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "catalogs", tmp_path / "swcatalog")


def put(shelf: Shelf, remote: str, *components: bytes) -> None:
    files = {CATALOG: b"".join(document("x", components))}
    shelf.show(remote, shelf.prepare(remote, files, Room(lambda: 1 << 40)))


def united(shelf: Shelf, *listers: str, installed: str = "", own: bytes = b"", **ids: str) -> bytes:
    """The components of these remotes; `ids` are those that some use, `installed` has the editor as `own`."""
    patterns = {remote: [ids[remote]] if remote in ids else [] for remote in listers}
    claims = Claims(patterns, {"org.acme.Editor": installed} if installed else {})
    unite(shelf, claims, {"org.acme.Editor": lambda: own} if own else {}, "")
    head, *lines = (shelf.united / "xml" / ALL).read_bytes().splitlines(keepends=True)[1:]
    assert (head, lines.pop()) == (*document("appctl", []),)[1:]
    return b"".join(lines)


def test_an_id_of_two_remotes_is_in_the_file_of_all_once(shelf: Shelf) -> None:
    other = EDITOR.replace(b"</id>", b"</id><name>other</name>")
    put(shelf, "acme", EDITOR)
    put(shelf, "beta", other, TOOL)
    assert united(shelf, "beta", "acme", "missing") == EDITOR + TOOL
    assert united(shelf, "beta") == other + TOOL


def test_another_remotes_list_takes_no_id_of_what_is_installed_or_of_who_uses_it(shelf: Shelf) -> None:
    theirs = EDITOR.replace(b"</id>", b"</id><name>taken</name>")
    put(shelf, "aaa", theirs, TOOL)
    put(shelf, "acme", EDITOR)
    assert united(shelf, "aaa", "acme") == theirs + TOOL  # nothing says whose it is
    assert united(shelf, "aaa", "acme", acme="org.acme.*") == TOOL + EDITOR
    assert united(shelf, "aaa", "acme", installed="acme") == TOOL + EDITOR
    assert united(shelf, "aaa", "acme", installed="acme", aaa="org.acme.Editor") == TOOL + EDITOR


def test_what_is_installed_from_one_is_told_in_no_others_words(shelf: Shelf) -> None:
    put(shelf, "aaa", EDITOR, TOOL)
    assert united(shelf, "aaa", installed="unlisted") == TOOL
    own = EDITOR.replace(b"</id>", b"</id><name>installed</name>")
    assert united(shelf, "aaa", installed="unlisted", own=own) == own + TOOL


def test_what_is_installed_and_listed_where_it_comes_from_is_told_as_it_is_listed(shelf: Shelf) -> None:
    put(shelf, "acme", EDITOR, TOOL)
    own = EDITOR.replace(b"</id>", b"</id><name>installed</name>")
    assert united(shelf, "acme", installed="acme", own=own) == EDITOR + TOOL
    assert united(shelf, installed="acme", own=own) == own


def test_the_file_of_all_has_as_many_as_there_is_room_for(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALL_BYTES", len(EDITOR))
    put(shelf, "acme", EDITOR)
    put(shelf, "beta", TOOL)
    assert united(shelf, "acme", "beta") == EDITOR


def test_the_file_of_all_is_replaced_in_one_step_or_not_at_all(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shelf, "acme", EDITOR)
    united(shelf, "acme")
    before = (shelf.united / "xml" / ALL).read_bytes()

    def full(*_names: object, **_where: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="full"):
        united(shelf)
    assert (shelf.united / "xml" / ALL).read_bytes() == before
    assert [path.name for path in (shelf.united / "xml").iterdir()] == [ALL]
    assert not (shelf.united / UNITED).exists()  # nobody takes it for what was meant


def test_what_is_written_stays_after_a_power_cut(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def told(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", told)
    united(shelf)
    assert [name for name in synced if not name.startswith(disk.STAGING)] == ["xml", "swcatalog"]


def test_what_a_killed_one_left_goes_with_the_next(shelf: Shelf) -> None:
    united(shelf)
    (shelf.united / "xml" / f"{disk.STAGING}x").write_bytes(b"half")
    (shelf.united / "xml" / "other.xml").write_bytes(b"theirs")
    united(shelf)
    assert sorted(path.name for path in (shelf.united / "xml").iterdir()) == [ALL, "other.xml"]


def test_beside_the_file_of_all_stands_what_it_was_made_of(shelf: Shelf) -> None:
    put(shelf, "acme", EDITOR)
    unite(shelf, Claims({"acme": (), "missing": ()}, {}), {}, "all of them")
    name = shelf.current("acme").readlink().name
    beside = json.loads((shelf.united / UNITED).read_bytes())
    assert beside == {"catalogs": {"acme": name}, "apps": "all of them"}
