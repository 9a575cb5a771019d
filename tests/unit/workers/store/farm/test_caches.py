# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Caches: what programs made is taken if it is a cache, and nothing else ever leaves where they worked."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.errors import Failed, NoSpace
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store import disk
from appctld.workers.store.farm import caches
from appctld.workers.store.farm.links import Farm

APP = "org.acme.Editor"
ENTRY, ICON = f"applications/{APP}.desktop", f"icons/hicolor/48x48/apps/{APP}.png"
TYPES = f"mime/packages/{APP}.xml"
CACHES = {
    "applications/mimeinfo.cache",
    "icons/hicolor/icon-theme.cache",
    "mime/mime.cache",
    "mime/globs2",
    "mime/application/x-acme.xml",
}


class Place:
    """A state directory in which one app is current."""

    def __init__(self, root: Path) -> None:
        self.exports, self.share = root / "exports", root / "exports/share"
        self.apps = root / "apps"
        for path in (ENTRY, ICON, TYPES):
            file = self.apps / APP / "0.0/export/share" / path
            file.parent.mkdir(parents=True)
            file.write_text("a file of the app's")
        (self.apps / APP / "current").symlink_to("0.0")
        Farm(self.exports, self.apps).settle()

    def prepare(self) -> Path:
        """Where programs are to work."""
        return Path(str(self.call(caches.prepare)["scratch"]))

    def take(self, scratch: Path) -> int:
        """How many caches were taken."""
        taken = self.call(caches.take, scratch=str(scratch))["caches"]
        assert isinstance(taken, int)
        return taken

    def call(self, handler: object, **request: str) -> JsonObject:
        """An operation on this state."""
        assert callable(handler)
        answer: JsonObject = handler({"exports": str(self.exports), **request}, lambda _facts: None)
        return answer

    def files(self) -> set[str]:
        """What is in share and is neither a link nor a directory."""
        found = [path for path in self.share.rglob("*") if path.is_file() and not path.is_symlink()]
        return {str(path.relative_to(self.share)) for path in found}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def make(scratch: Path, path: str, text: str = "a cache") -> Path:
    """What a program writes."""
    (scratch / path).parent.mkdir(parents=True, exist_ok=True)
    (scratch / path).write_text(text)
    return scratch / path


def test_programs_get_the_links_which_lead_where_they_led(place: Place) -> None:
    answer = place.call(caches.prepare)
    scratch = Path(str(answer["scratch"]))
    assert answer["sources"] == ["applications/", "icons/hicolor/", "mime/packages/"]
    assert {path.name for path in scratch.iterdir()} >= {"applications", "icons", "mime"}
    assert (scratch / ENTRY).read_text() == "a file of the app's"
    assert (scratch / ENTRY).is_symlink()


def test_only_what_there_is_something_of_has_caches_made(place: Place) -> None:
    for path in (ICON, TYPES):
        (place.apps / APP / "0.0/export/share" / path).unlink()
    Farm(place.exports, place.apps).settle()
    assert place.call(caches.prepare)["sources"] == ["applications/"]


def test_what_they_made_is_taken_and_where_they_worked_is_gone(place: Place) -> None:
    scratch = place.prepare()
    for path in CACHES:
        make(scratch, path)
    assert place.take(scratch) == len(CACHES)
    assert place.files() == CACHES
    assert sorted(path.name for path in place.exports.iterdir()) == ["share"]
    assert place.call(caches.prepare) == {"scratch": "", "sources": []}


def test_an_icon_cache_is_no_older_than_the_theme_that_it_is_in(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GTK leaves one out that is."""
    write = disk.write_bytes

    def long_ago(name: str, data: bytes, within: int, *, durable: bool) -> int:
        written = write(name, data, within, durable=durable)
        os.utime(name, (1, 1), dir_fd=within)
        return written

    monkeypatch.setattr(disk, "write_bytes", long_ago)
    scratch = place.prepare()
    make(scratch, "icons/hicolor/icon-theme.cache")
    place.take(scratch)
    cache, theme = place.share / "icons/hicolor/icon-theme.cache", place.share / "icons/hicolor"
    assert cache.stat().st_mtime_ns == theme.stat().st_mtime_ns


def test_the_farm_lets_the_caches_be(place: Place) -> None:
    scratch = place.prepare()
    for path in CACHES:
        make(scratch, path)
    place.take(scratch)
    Farm(place.exports, place.apps).settle()
    assert place.files() == CACHES
    assert not (place.exports / ".stale").exists()


def test_a_cache_that_was_not_made_again_goes(place: Place) -> None:
    """A program may be gone, or fail: what is there is about other files."""
    scratch = place.prepare()
    for path in CACHES:
        make(scratch, path)
    place.take(scratch)
    (place.exports / ".stale").touch()
    scratch = place.prepare()
    make(scratch, "applications/mimeinfo.cache", "anew")
    assert place.take(scratch) == 1
    assert place.files() == {"applications/mimeinfo.cache"}
    assert (place.share / "applications/mimeinfo.cache").read_text() == "anew"
    assert (place.share / TYPES).exists()


FOREIGN = (
    "applications/org.gnome.Nautilus.desktop",
    "applications/mimeapps.list",
    "dbus-1/services/org.gnome.Nautilus.service",
    "icons/hicolor/48x48/apps/org.gnome.Nautilus.png",
    "icons/hicolor/index.theme",
    "icon-theme.cache",
    "mime/packages/freedesktop.org.xml",
    "mime/packages/mime.cache",
    "mime/application/sub/x.xml",
    "mime/application/x.sh",
    "mime/Application/x.xml",
    "mime/application/.xml",
    "mime/new",
)


@pytest.mark.parametrize("path", FOREIGN)
def test_nothing_that_is_called_otherwise_is_taken(path: str, place: Place) -> None:
    scratch = place.prepare()
    make(scratch, path)
    assert place.take(scratch) == 0
    assert place.files() == set()


def test_a_link_that_was_replaced_stays_as_it_was(place: Place) -> None:
    scratch = place.prepare()
    (scratch / ENTRY).unlink()
    make(scratch, ENTRY, "[Desktop Entry] Exec=evil")
    place.take(scratch)
    assert (place.share / ENTRY).read_text() == "a file of the app's"


def symlink(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def fifo(path: Path, _secret: Path) -> None:
    os.mkfifo(path)


def directory(path: Path, _secret: Path) -> None:
    path.mkdir()


def large(path: Path, _secret: Path) -> None:
    with path.open("wb") as file:
        file.truncate(caches.CACHE_BYTES + 1)


def through_a_link(path: Path, secret: Path) -> None:
    (secret.parent / path.name).write_text("secret")
    for one in path.parent.iterdir():
        one.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(secret.parent)


@pytest.mark.parametrize("put", [symlink, fifo, directory, large, through_a_link])
def test_what_is_no_regular_file_or_too_large_is_not_taken(put: object, place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "outside/secret"
    secret.parent.mkdir()
    secret.write_text("secret")
    scratch = place.prepare()
    assert callable(put)
    put(scratch / "applications/mimeinfo.cache", secret)
    assert place.take(scratch) == 0
    assert place.files() == set()
    assert secret.read_text() == "secret"


def test_there_are_so_many_and_so_much_at_most(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = place.prepare()
    for number in range(5):
        make(scratch, f"mime/application/x-{number}.xml", "four")
    make(scratch, "mime/types", "by which all are found")
    make(scratch, "icons/hicolor/icon-theme.cache")
    with monkeypatch.context() as patched:
        patched.setattr(caches, "CACHE_FILES", 3)
        assert place.take(scratch) == 3
    assert place.files() == {"mime/application/x-0.xml", "mime/types", "icons/hicolor/icon-theme.cache"}
    (place.exports / ".stale").touch()
    scratch = place.prepare()
    for number in range(5):
        make(scratch, f"mime/application/x-{number}.xml", "four")
    monkeypatch.setattr(caches, "TOTAL_BYTES", 12)
    assert place.take(scratch) == 3


@pytest.mark.parametrize("name", ["share", "../apps", ".staging-x", ".staging-0123456789abcdef/..", ""])
def test_only_a_directory_of_this_kind_is_taken_from(name: str, place: Place) -> None:
    with pytest.raises(Failed, match="no directory that caches are made in"):
        place.take(place.exports / name)
    assert place.share.is_dir()


def test_a_directory_of_that_name_elsewhere_is_not_taken_from(place: Place, tmp_path: Path) -> None:
    elsewhere = place.prepare().rename(tmp_path / ".staging-0123456789abcdef")
    with pytest.raises(Failed, match="no directory that caches are made in"):
        place.take(elsewhere)


def test_a_full_disk_leaves_the_caches_to_the_next_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = place.prepare()
    make(scratch, "applications/mimeinfo.cache")
    with monkeypatch.context() as patched:
        patched.setattr(caches, "free", lambda _descriptor: 0)
        with pytest.raises(NoSpace):
            place.take(scratch)
    assert (place.exports / ".stale").exists()
    scratch = place.prepare()
    make(scratch, "applications/mimeinfo.cache")
    assert place.take(scratch) == 1
    assert sorted(path.name for path in place.exports.iterdir()) == ["share"]


def test_caches_are_on_the_disk_before_nobody_would_make_them_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call for all of them: none is put on the disk alone."""
    done: list[str] = []
    for owner, name in ((disk, "sync"), (os, "fsync"), (os, "rename"), (os, "unlink")):
        real = getattr(owner, name)

        def noting(
            *arguments: object, real: Callable[..., None] = real, name: str = name, **named: object
        ) -> None:
            done.append(f"{name} {arguments[0]}" if name == "unlink" else name)
            real(*arguments, **named)

        monkeypatch.setattr(owner, name, noting)
    scratch = place.prepare()
    for path in CACHES:
        make(scratch, path)
    done.clear()
    place.take(scratch)
    assert place.files() == CACHES
    assert "rename" in done
    assert "fsync" not in done
    assert done[-2:] == ["sync", "unlink .stale"]
