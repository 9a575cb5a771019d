# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The links in exports/share: through `current`, never to anything else, whatever was there before."""

import os
from pathlib import Path

import pytest

from appctld.workers.store.farm.links import Farm

EDITOR, PLUGIN = "org.acme.Editor", "org.acme.Editor.Plugin"
ONE, TWO = "0123456789ab.0", "0123456789ab.1"
ENTRY = f"applications/{EDITOR}.desktop"
SERVICE = f"dbus-1/services/{EDITOR}.service"
ICON = f"icons/hicolor/48x48/apps/{EDITOR}.png"
TYPES = f"mime/packages/{EDITOR}.xml"
OTHERS = f"applications/{PLUGIN}.desktop"


class Place:
    """A state directory with deployments that are exports and nothing else."""

    def __init__(self, root: Path) -> None:
        self.apps, self.exports = root / "apps", root / "exports"
        self.share = self.exports / "share"
        self.apps.mkdir()
        self.farm = Farm(self.exports, self.apps)

    def deploy(self, app_id: str, deployment: str, *paths: str) -> None:
        """Make a deployment, which is not current yet."""
        for path in paths:
            file = self.apps / app_id / deployment / "export/share" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{app_id} {deployment}")

    def point(self, app_id: str, deployment: str) -> None:
        """Make it current."""
        link = self.apps / app_id / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(deployment)

    def install(self, app_id: str, deployment: str, *paths: str) -> None:
        """All of it, as a deploy does."""
        self.deploy(app_id, deployment, *paths)
        self.farm.announce(app_id, deployment)
        self.point(app_id, deployment)
        self.farm.settle()

    def links(self) -> set[str]:
        """Whatever is in share and is no directory."""
        found = (path for path in self.share.rglob("*") if path.is_symlink() or not path.is_dir())
        return {str(path.relative_to(self.share)) for path in found}

    def read(self, path: str) -> str:
        """What a desktop reads there."""
        return (self.share / path).read_text()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_links_are_relative_and_lead_through_current(place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY, ICON)
    assert place.links() == {ENTRY, ICON}
    assert str((place.share / ENTRY).readlink()) == f"../../../apps/{EDITOR}/current/export/share/{ENTRY}"
    place.exports.parent.rename(place.exports.parent.with_name("moved"))
    moved = place.exports.parent.with_name("moved") / "exports/share"
    assert (moved / ICON).read_text() == f"{EDITOR} {ONE}"


def test_new_names_are_there_before_current_moves_and_lead_nowhere(place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY)
    place.deploy(EDITOR, TWO, SERVICE)
    place.farm.announce(EDITOR, TWO)
    assert place.links() == {ENTRY, SERVICE}
    assert place.read(ENTRY) == f"{EDITOR} {ONE}"
    assert not (place.share / SERVICE).exists()
    place.point(EDITOR, TWO)
    assert place.read(SERVICE) == f"{EDITOR} {TWO}"
    place.farm.settle()
    assert place.links() == {SERVICE}


def test_who_is_killed_before_current_moves_leaves_a_link_that_the_next_start_removes(place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY)
    place.deploy(EDITOR, TWO, ENTRY, ICON)
    place.farm.announce(EDITOR, TWO)
    place.farm.settle()  # as a start does: `current` is what it was
    assert place.links() == {ENTRY}
    assert not (place.share / "icons").exists()


def test_a_name_below_two_ids_is_that_of_the_longer_one_whoever_was_first(place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY, OTHERS)
    assert place.read(OTHERS) == f"{EDITOR} {ONE}"
    place.install(PLUGIN, ONE, OTHERS)
    assert place.read(OTHERS) == f"{PLUGIN} {ONE}"
    place.install(EDITOR, TWO, ENTRY, OTHERS)
    assert place.read(OTHERS) == f"{PLUGIN} {ONE}"
    (place.apps / PLUGIN / "current").unlink()
    place.farm.settle()
    assert place.read(OTHERS) == f"{EDITOR} {TWO}"


def test_a_name_is_not_taken_before_the_owner_is_current(place: Place) -> None:
    place.install(EDITOR, ONE, OTHERS)
    place.deploy(PLUGIN, ONE, OTHERS)
    place.farm.announce(PLUGIN, ONE)
    assert place.read(OTHERS) == f"{EDITOR} {ONE}"


def test_when_the_last_app_is_gone_nothing_is_left_but_what_buses_and_desktops_watch(place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY, ICON, TYPES, SERVICE)
    for cache in ("applications/mimeinfo.cache", "icons/hicolor/icon-theme.cache", "mime/mime.cache"):
        (place.share / cache).write_text("made of what was there")
    (place.share / "mime/application").mkdir()
    (place.share / "mime/application/x-acme.xml").write_text("of a type")
    place.farm.settle()
    assert len(place.links()) == 8
    (place.apps / EDITOR / "current").unlink()
    place.farm.settle()
    left = sorted(str(path.relative_to(place.share)) for path in place.share.rglob("*"))
    assert left == ["applications", "dbus-1", "dbus-1/services"]


FOREIGN = {
    "another app's entry": ("applications/org.gnome.Nautilus.desktop", "[Desktop Entry]"),
    "a file among packages": ("mime/packages/freedesktop.org.xml", "<mime-info/>"),
    "a list of defaults": ("applications/mimeapps.list", "[Default Applications]"),
    "what a kill left": ("applications/.staging-0123456789abcdef", ""),
    "a theme": ("icons/Adwaita/index.theme", "[Icon Theme]"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_link_and_no_cache_is_removed(name: str, place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY, TYPES)
    path, text = FOREIGN[name]
    (place.share / path).parent.mkdir(parents=True, exist_ok=True)
    (place.share / path).write_text(text)
    place.farm.settle()
    assert place.links() == {ENTRY, TYPES}


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../../apps/org.acme.Other/current/export/share/x", "x"]
)
def test_a_link_that_leads_elsewhere_is_led_back(target: str, place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY)
    (place.share / ENTRY).unlink()
    (place.share / ENTRY).symlink_to(target)
    (place.share / "applications/org.acme.Else.desktop").symlink_to(target)
    place.farm.settle()
    assert place.links() == {ENTRY}
    assert place.read(ENTRY) == f"{EDITOR} {ONE}"


def test_no_symlink_in_a_deployment_or_in_share_is_followed(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f"{EDITOR}.desktop").write_text("not an app's")
    share = place.apps / EDITOR / ONE / "export/share"
    share.mkdir(parents=True)
    (share / "applications").symlink_to(tmp_path / "elsewhere")
    place.share.mkdir(parents=True)
    (place.share / "icons").symlink_to(tmp_path / "elsewhere")
    place.point(EDITOR, ONE)
    place.farm.settle()
    assert place.links() == set()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [f"{EDITOR}.desktop"]


def test_caches_are_stale_from_the_first_link_that_changes(place: Place) -> None:
    stale = place.exports / ".stale"
    place.farm.settle()
    assert not stale.exists()
    place.deploy(EDITOR, ONE, ENTRY)
    place.farm.announce(EDITOR, ONE)
    assert stale.exists()
    stale.unlink()
    place.point(EDITOR, ONE)
    place.farm.settle()
    assert not stale.exists()
    place.deploy(EDITOR, TWO, ICON)
    place.point(EDITOR, TWO)
    place.farm.settle()
    assert stale.exists()


def test_a_name_that_was_announced_is_not_announced_again(place: Place) -> None:
    place.deploy(EDITOR, ONE, ENTRY)
    place.farm.announce(EDITOR, ONE)
    before = (place.share / ENTRY).lstat().st_ino
    place.farm.announce(EDITOR, ONE)
    assert (place.share / ENTRY).lstat().st_ino == before


def test_under_the_same_names_there_may_be_other_files_of_which_caches_are_made_anew(place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY)
    (place.exports / ".stale").unlink()
    (place.apps / PLUGIN / ONE).mkdir(parents=True)
    place.install(PLUGIN, ONE)
    assert not (place.exports / ".stale").exists()
    place.install(EDITOR, TWO, ENTRY)
    assert (place.exports / ".stale").exists()


def test_desktops_learn_from_the_time_of_the_theme_that_icons_came_or_went(place: Place) -> None:
    place.install(EDITOR, ONE, ICON)
    theme = place.share / "icons/hicolor"
    os.utime(theme, (1, 1))
    place.install(PLUGIN, ONE, f"icons/hicolor/48x48/apps/{PLUGIN}.png")
    assert theme.stat().st_mtime > 1


def test_an_app_without_exports_or_without_current_has_no_links(place: Place) -> None:
    (place.apps / EDITOR / ONE / "files").mkdir(parents=True)
    place.point(EDITOR, ONE)
    place.deploy(PLUGIN, ONE, OTHERS)
    (place.apps / "not-an-id").mkdir()
    place.farm.settle()
    assert place.links() == set()


@pytest.mark.parametrize("mode", [0o555, 0])
def test_what_cannot_be_removed_keeps_nothing_else_from_being_as_it_should(mode: int, place: Place) -> None:
    """An administrator's own, or what root's update-mime-database left there."""
    place.install(EDITOR, ONE, ENTRY, SERVICE)
    place.deploy(EDITOR, TWO, ENTRY, ICON)
    place.point(EDITOR, TWO)
    foreign = place.share / "applications.d"
    foreign.mkdir()
    (foreign / "x").write_text("x")
    foreign.chmod(mode)
    with pytest.raises(OSError, match=r"denied|not empty"):
        place.farm.settle()
    foreign.chmod(0o755)
    assert place.links() == {ENTRY, ICON, "applications.d/x"}
    place.farm.settle()
    assert place.links() == {ENTRY, ICON}


def test_a_link_for_which_there_is_no_room_keeps_no_other_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.install(EDITOR, ONE, SERVICE)
    place.deploy(EDITOR, TWO, ENTRY, ICON)
    place.point(EDITOR, TWO)
    symlink = os.symlink

    def full(target: str, name: str, *, dir_fd: int) -> None:
        if target.endswith(ENTRY):
            raise OSError(28, "No space left on device")
        symlink(target, name, dir_fd=dir_fd)

    with monkeypatch.context() as patched:
        patched.setattr(os, "symlink", full)
        with pytest.raises(OSError, match="No space"):
            place.farm.settle()
    assert place.links() == {ICON}


def test_a_desktop_that_watches_its_entries_hears_of_others_under_the_same_names(place: Place) -> None:
    place.install(EDITOR, ONE, ENTRY)
    os.utime(place.share / "applications", (1, 1))
    place.farm.settle()
    (place.exports / ".stale").unlink()
    os.utime(place.share / "applications", (1, 1))
    place.farm.settle()
    assert (place.share / "applications").stat().st_mtime == 1
    place.install(EDITOR, TWO, ENTRY)
    assert (place.share / "applications").stat().st_mtime > 1
