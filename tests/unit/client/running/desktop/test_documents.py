# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Files that somebody opened: which words mean one, what the portal is asked, and what the app then reads."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_call, new_method_return
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from appctl.running.desktop import documents
from appctl.running.desktop.documents import forwarded
from appctl.running.grants.granted import Shown
from support.buses.bus import private_bus
from support.machines.runtimes import APP, change_tool, platform, tool

PLACE = "/run/user/7/doc"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, which is where somebody is, with a file and a directory."""
    (tmp_path / "a b.txt").write_text("a letter")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/c.png").write_text("a picture")
    (tmp_path / "link").symlink_to("a b.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Asked:
    """A portal that gives everything a number, but for what is called `no`."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def __call__(self, paths: Sequence[Path]) -> list[str]:
        self.paths += paths
        return ["" if path.name == "no" else f"d{number}" for number, path in enumerate(paths)]


def test_what_stands_between_marks_is_given_and_the_marks_are_gone(home: Path) -> None:
    asked = Asked()
    words = ["--open", "@@", f"{home}/a b.txt", "pictures/c.png", "@@", f"{home}/a b.txt"]
    assert forwarded(words, (), PLACE, asked) == [
        "--open",
        f"{PLACE}/d0/a b.txt",
        f"{PLACE}/d1/c.png",
        f"{home}/a b.txt",
    ]
    assert asked.paths == [home / "a b.txt", home / "pictures/c.png"]


def test_a_uri_of_a_file_stays_a_uri(home: Path) -> None:
    asked = Asked()
    words = ["@@u", f"file://{home}/a%20b.txt", f"file://localhost{home}/link", f"{home}/link", "@@"]
    assert forwarded(words, (), PLACE, asked) == [
        f"file://{PLACE}/d0/a%20b.txt",
        f"file://{PLACE}/d0/a%20b.txt",
        f"{PLACE}/d0/a b.txt",
    ]


def test_a_link_is_given_as_what_it_leads_to_which_is_how_portals_call_it(home: Path) -> None:
    (home / "elsewhere").symlink_to("pictures")
    asked = Asked()
    words = ["@@", "link", "elsewhere/../link", "elsewhere/c.png", "@@"]
    places = [f"{PLACE}/d0/a b.txt", f"{PLACE}/d0/a b.txt", f"{PLACE}/d1/c.png"]
    assert forwarded(words, (), PLACE, asked) == places
    assert asked.paths == [home / "a b.txt", home / "pictures/c.png"]


def test_a_name_in_no_encoding_stays_as_it_is(home: Path) -> None:
    Path(os.fsdecode(b"b\xe4r")).write_text("x")
    words = ["@@u", f"file://{home}/b%E4r", "@@"]
    assert forwarded(words, (), PLACE, Asked()) == [f"file://{PLACE}/d0/b%E4r"]


@pytest.mark.parametrize(
    "word",
    [
        "acme:/../link",
        "acme:x/../link",
        "acme:link",
        "link",
        "./link",
        "file:link",
        "file:./link",
        "FILE:link",
        "file://[x",
        "magnet:?xt=" + "a" * 300,
    ],
)
def test_an_address_that_anybody_made_up_is_no_file(word: str, home: Path) -> None:
    """A page's link, or one that the app itself asks its desktop to open."""
    (home / "acme:link").write_text("x")
    (home / "acme:").mkdir()
    (home / "acme:x").mkdir()
    asked = Asked()
    assert forwarded(["@@u", word, "@@"], (), PLACE, asked) == [word]
    assert asked.paths == []


UNTOUCHED = (
    "https://acme.example/a",
    "file://other.host/etc/passwd",
    "file:///nowhere",
    "mailto:x",
    "nowhere",
    "pictures",
    "",
    "-x",
    "a\0b",
    "a" * 300,
)


@pytest.mark.parametrize("mark", ["@@", "@@u"])
@pytest.mark.parametrize("word", UNTOUCHED)
def test_what_is_no_file_here_stays_as_it_was(word: str, mark: str, home: Path) -> None:
    asked = Asked()
    assert forwarded(["x", mark, word, "@@", "y"], (), PLACE, asked) == ["x", word, "y"]
    assert asked.paths == []
    assert home.is_dir()


def test_a_uri_between_marks_for_paths_is_a_path(home: Path) -> None:
    assert forwarded(["@@", f"file://{home}/link", "@@"], (), PLACE, Asked()) == [f"file://{home}/link"]


def test_what_the_app_sees_anyway_is_not_asked_for(home: Path) -> None:
    asked = Asked()
    shown = [Shown(home / "pictures", str(home / "pictures"), read_only=True)]
    (home / "pictures/away").symlink_to(home / "a b.txt")
    (home / "into").symlink_to(home / "pictures/c.png")
    words = ["@@", *(f"{home}/{name}" for name in ("pictures/c.png", "pictures/../link", "into")), "@@"]
    assert forwarded(words, shown, PLACE, asked) == [
        f"{home}/pictures/c.png",
        f"{PLACE}/d0/a b.txt",
        f"{PLACE}/d1/c.png",
    ]
    (home / "house").symlink_to("pictures")  # as where /home is a link to /var/home
    house = [Shown(home / "house", str(home / "house"), read_only=True)]
    assert forwarded(["@@", f"{home}/house/c.png", "@@"], house, PLACE, Asked()) == [f"{home}/house/c.png"]
    away = ["@@", f"{home}/pictures/away", "@@"]
    assert forwarded(away, shown, PLACE, Asked()) == [f"{PLACE}/d0/a b.txt"]
    elsewhere = [Shown(home / "pictures", "/elsewhere", read_only=True)]
    assert forwarded(words[:2], elsewhere, PLACE, asked) == [f"{PLACE}/d0/c.png"]


def test_what_cannot_be_given_stays_as_it_was(home: Path) -> None:
    (home / "no").write_text("x")
    assert forwarded(["@@", "no", "link", "@@"], (), PLACE, Asked()) == ["no", f"{PLACE}/d1/a b.txt"]
    asked = Asked()
    assert forwarded(["@@", "link", "@@"], (), "", asked) == ["link"]
    assert asked.paths == []


# --- a portal on a bus ----------------------------------------------------------------------------------


class Portal:
    """Answers AddFull on a bus as `says` does; `given` are the files and the apps that it was asked about."""

    def __init__(self, connection: DBusConnection, runtime: Path) -> None:
        self.given: list[tuple[str, str]] = []
        self.woken = 0
        self.names: list[object] | None = None  # None: as it should be
        self._connection, self._runtime = connection, runtime
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """When the bus has gone."""
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the bus goes
            self._answer()

    def _answer(self) -> None:
        while True:
            call = self._connection.receive()
            if call.header.message_type is not MessageType.method_call:
                continue
            if call.header.fields[HeaderFields.member] == "GetMountPoint":
                (self._runtime / "doc/by-app" / APP).mkdir(parents=True)
                self.woken += 1
                self._connection.send(new_method_return(call, "ay", (os.fsencode(self._runtime / "doc"),)))
                continue
            if call.header.fields[HeaderFields.member] != "AddFull":
                self._connection.send(new_error(call, "org.freedesktop.portal.Error.NotAllowed"))
                continue
            files, flags, app, may = cast("tuple[list[object], int, str, list[str]]", call.body)
            names = [self._add(file, app, number) for number, file in enumerate(files)]
            assert (flags, may) == (1, ["read", "write"])
            body: tuple[object, ...] = (names if self.names is None else self.names, {})
            self._connection.send(new_method_return(call, "asa{sv}", body))

    def _add(self, file: object, app: str, number: int) -> str:
        descriptor = file.to_raw_fd()  # type: ignore[attr-defined]
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        os.close(descriptor)
        self.given.append((str(path), app))
        document = self._runtime / "doc/by-app" / app / f"d{number}"
        document.mkdir(parents=True, exist_ok=True)
        (document / path.name).write_bytes(path.read_bytes())  # the real one has a file system for that
        return f"d{number}"


@pytest.fixture
def portal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    """A session with the app, and with a portal on its bus."""
    for name, place in (("HOME", "home"), ("XDG_RUNTIME_DIR", "runtime")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(name, str(tmp_path / place))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "runtime/doc/by-app" / APP).mkdir(parents=True)
    (tmp_path / "home/letter").write_text("a letter")
    (tmp_path / "home/secret").write_text("a secret")
    platform(tmp_path / "home/.local/share/appctl", "sh", "cat", "ls")
    change_tool(tool(tmp_path / "home/.local/share/appctl"))
    with private_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        connection = open_dbus_connection(address, enable_fds=True)
        bus = DBusAddress("/", bus_name="org.freedesktop.DBus", interface="org.freedesktop.DBus")
        request = new_method_call(bus, "RequestName", "su", ("org.freedesktop.portal.Documents", 0))
        connection.send_and_get_reply(request)
        made = Portal(connection, tmp_path / "runtime")
        yield made
    made.end()


def run(*words: str) -> str:
    """What the app says; its program is a shell that is given a script and its arguments."""
    script = 'for file; do echo "$file"; cat "$file"; echo; done; ls "$HOME/../secret" 2>&1 | cat'
    command = [sys.executable, "-m", "appctl", "run", "--command=sh", "--file-forwarding", APP, "--"]
    done = subprocess.run(
        [*command, "-c", script, "sh", *words], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")
def test_an_app_without_any_permission_reads_the_file_that_was_opened_with_it(
    portal: Portal, tmp_path: Path
) -> None:
    said = run("@@", f"{tmp_path}/home/letter", "@@").splitlines()
    assert said[0].endswith("/doc/d0/letter")
    assert said[0].startswith("/run/user/")
    assert said[1] == "a letter"
    assert portal.given == [(f"{tmp_path}/home/letter", APP)]
    assert portal.woken == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")
def test_a_portal_that_nobody_has_asked_anything_yet_is_woken(portal: Portal, tmp_path: Path) -> None:
    """Until then it has no file system that the app could be shown."""
    shutil.rmtree(tmp_path / "runtime/doc")
    assert run("@@", f"{tmp_path}/home/letter", "@@").splitlines()[1] == "a letter"
    assert portal.woken == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")
@pytest.mark.parametrize("names", [[], ["a", "b"], ["../.."], [""], ["a/b"]])
def test_a_portal_that_answers_nonsense_gives_nothing(
    names: list[object], portal: Portal, tmp_path: Path
) -> None:
    portal.names = names
    assert documents.portal(APP)([tmp_path / "home/letter"]) == [""]


def test_many_files_are_given_in_messages_that_any_bus_takes(portal: Portal, tmp_path: Path) -> None:
    paths = [tmp_path / f"home/f{number}" for number in range(documents.AT_ONCE + 3)]
    for path in paths:
        path.write_text("x")
    names = documents.portal(APP)(paths)
    assert len(names) == len(paths)
    assert all(names)
    assert [path for path, _ in portal.given] == list(map(str, paths))


def test_without_a_portal_nothing_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    assert documents.portal(APP)([file]) == [""]
    documents.wake(tmp_path)
    documents.wake(None)
    with private_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        assert documents.portal(APP)([file]) == [""]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_became_no_file_meanwhile_is_not_given(make: object, portal: Portal, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / "home/it")
    assert documents.portal(APP)([tmp_path / "home/it"]) == [""]
    assert portal.given == []
