# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What desktops see of apps: GIO lists and starts them, and then they are gone.

What the session bus starts is in test_activation.py.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machines.machine import BIN, Machine
from support.notes import APP, ENTRY, EXTRA, ICON, LAUNCH, SERVICE, Session, build, for_all_users
from support.publishers.publisher import Publisher

FIRST = {
    f"applications/{ENTRY}",
    f"dbus-1/services/{SERVICE}",
    ICON,
    f"mime/packages/{APP}.xml",
    f"metainfo/{APP}.metainfo.xml",
}
SECOND = {f"applications/{ENTRY}", f"applications/{EXTRA}"}
NAME = "notes/notes:stable"
TYPE = f"application/x-{APP.lower()}"


@pytest.fixture(scope="module")
def session(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session on a machine that has both versions; each test makes current what it needs."""
    work = tmp_path_factory.mktemp("desk")
    key = publisher.keys.make("notes")
    file = work / "key.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    build(publisher, work)
    publisher.push("1", NAME, key)
    with Machine(work / "machine") as machine:
        host = publisher.registry.host
        machine.add_remote("notes", f"oci+http://{host}/notes", file, publisher.lookaside.url)
        machine.appctl("install", "-y", NAME)
        publisher.push("2", NAME, key)
        machine.appctl("update", "-y", "notes")
        yield Session(machine)


@pytest.fixture
def first(session: Session) -> Session:
    """Version 1 is current."""
    session.machine.appctl("rollback", "notes", "--to=1")
    return session


@pytest.fixture
def second(session: Session) -> Session:
    """Version 2 is current."""
    session.machine.appctl("rollback", "notes", "--to=2")
    return session


def test_gio_lists_what_was_installed_and_what_it_opens(first: Session) -> None:
    found = first.read()
    assert found["apps"] == {
        ENTRY: {
            "name": "Notes One",
            "line": f"{BIN}/appctl --user run --command=notes --file-forwarding {APP} -- @@u %U @@",
            "types": [TYPE],
            "actions": ["new"],
            "file": str(first.share / "applications" / ENTRY),
            "shown": True,
        }
    }
    assert found["opens"] == [ENTRY]
    assert (found["guessed"], found["described"]) == (TYPE, "A note")
    assert first.links() == FIRST


def test_for_all_users_it_is_the_same(tmp_path: Path) -> None:
    seen = for_all_users(tmp_path)
    assert set(seen["links"]) == FIRST
    app = seen["read"]["apps"][ENTRY]
    assert app["line"] == f"{BIN}/appctl --system run --command=notes --file-forwarding {APP} -- @@u %U @@"
    assert app["file"] == f"/var/lib/appctl/exports/share/applications/{ENTRY}"
    assert seen["read"]["opens"] == [ENTRY]
    assert seen["said"] == ["/usr/bin/notes", "https://acme.example/"]
    assert seen["left"] == []


def test_gio_starts_the_app_with_what_was_opened(first: Session) -> None:
    first.python(LAUNCH, ENTRY, "https://acme.example/a%20b", "file:///x")
    assert first.said() == ["/usr/bin/notes", "https://acme.example/a%20b", "/x"]  # GIO prefers paths
    first.python(LAUNCH, ENTRY, "action", "new")
    assert first.said() == ["/usr/bin/notes", "--new"]
    command = ["gio", "launch", str(first.share / "applications" / ENTRY)]
    subprocess.run(command, env=first.environment, check=True)
    assert first.said() == ["/usr/bin/notes"]


def test_the_bus_and_info_say_what_is_shown_and_what_is_not(first: Session) -> None:
    info = first.machine.appctl("info", "notes", "--json").json
    assert info["desktop_ids"] == [ENTRY]
    assert info["metainfo_path"] == str(first.share / f"metainfo/{APP}.metainfo.xml")
    (refused,) = info["not_exported"]
    assert refused["path"] == f"applications/{APP}.Broken.desktop"
    said = first.machine.appctl("info", "notes").out
    assert f"{APP}.Broken.desktop: {refused['reason']}" in said
    path = "/org/appctl/Installer1/app/" + APP.replace(".", "_2e")
    command = ["busctl", "--user", "get-property", "org.appctl.Installer1", path, "org.appctl.Installer1.App"]
    done = subprocess.run(
        [*command, "DesktopIds", "IconName", "MetainfoPath"],
        env=first.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f'as 1 "{ENTRY}"\ns "{APP}"\ns "{info["metainfo_path"]}"\n'
    assert f"{APP} does not export applications/{APP}.Broken.desktop" in first.machine.log.read_text()


def test_what_is_exported_stands_the_tests_of_its_readers(first: Session) -> None:
    for command in (
        ["desktop-file-validate", f"applications/{ENTRY}"],
        ["appstreamcli", "validate", "--no-net", f"metainfo/{APP}.metainfo.xml"],
        ["gtk-update-icon-cache", "--ignore-theme-index", "--validate", "icons/hicolor"],
    ):
        done = subprocess.run(command, cwd=first.share, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    cache = first.share / "icons/hicolor/icon-theme.cache"
    assert APP.encode() in cache.read_bytes()


def test_an_update_and_a_rollback_switch_the_names(second: Session) -> None:
    assert second.links() == SECOND
    assert {app["name"] for app in second.read()["apps"].values()} == {"Notes Two", "Extra"}
    assert second.files() == {"applications/mimeinfo.cache"}
    second.machine.appctl("rollback", "notes")
    assert second.links() == FIRST
    assert second.read()["opens"] == [ENTRY]


def test_a_host_that_has_the_name_is_a_conflict_before_anything_is_fetched(session: Session) -> None:
    taken = "org.freedesktop.impl.portal.PermissionStore"
    before = session.machine.objects()
    ran = session.machine.appctl("install", "--as", taken, NAME, code=1)
    assert f"{taken} is an app that this machine has already (/usr/share/dbus-1/services/" in ran.err
    assert session.machine.objects() == before


def test_under_another_id_an_image_exports_nothing(second: Session) -> None:
    """Its files are called by its own."""
    second.machine.appctl("install", "--as", "org.mine.Notes", "-y", NAME)
    assert second.links() == SECOND
    second.machine.appctl("uninstall", "-y", "org.mine.Notes")


def test_a_daemon_that_is_killed_starts_with_the_same_names(second: Session) -> None:
    (second.share / "applications/org.gnome.Nautilus.desktop").write_text("[Desktop Entry]\n")
    (second.share / "applications" / EXTRA).unlink()
    second.machine.stop(kill=True)
    second.machine.start()
    assert second.links() == SECOND
    assert second.files() == {"applications/mimeinfo.cache"}


def test_verify_finds_an_entry_that_was_changed_and_repair_writes_it_again(first: Session) -> None:
    entry = first.share / "applications" / ENTRY
    text = entry.read_text()
    entry.write_text(text.replace("Exec=", "Exec=sh "))
    ran = first.machine.appctl("verify", "notes", code=1)
    assert f"export/share/applications/{ENTRY}: it is not what was exported" in ran.out + ran.err
    first.machine.appctl("repair")
    assert entry.read_text() == text
    first.machine.appctl("verify", "notes")


def test_doctor_says_whether_menus_show_the_apps(first: Session) -> None:
    elsewhere = {**first.environment, "XDG_DATA_DIRS": "/usr/share"}
    for environment, level in ((first.environment, "ok"), (elsewhere, "warning")):
        command = [str(BIN / "appctl"), "doctor", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        (found,) = [check for check in json.loads(done.stdout)["checks"] if check["check"] == "menus"]
        assert found["level"] == level


def test_an_uninstall_leaves_nothing(session: Session) -> None:
    session.machine.appctl("uninstall", "-y", "notes")
    assert (session.links(), session.files(), session.read()["apps"]) == (set(), set(), {})
