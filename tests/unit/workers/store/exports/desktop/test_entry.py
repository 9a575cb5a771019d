# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A desktop file starts our command, and shows the app's own name and icon."""

import os
import subprocess
from itertools import takewhile
from pathlib import Path

import pytest

from appctld.workers.store.exports.desktop.entry import ACTIONS, KEYS_OF_A_GROUP
from appctld.workers.store.exports.desktop.keys import ITEMS
from appctld.workers.store.exports.emit import Exporter, Refused, emit, re_emit
from appctld.workers.store.exports.text import LINE
from support.gio import entry, launch, strings

ID = "org.acme.Editor"
APP = Exporter(ID, ("/usr/bin/env", "--", "run"))
PATH = f"applications/{ID}.desktop"
OURS = f"/usr/bin/env -- run --command=editor {ID} --"
OPENING = f"/usr/bin/env -- run --command=editor --file-forwarding {ID} -- @@u %U @@"
WHOLE = rf"""
# a comment
[Desktop Entry]
Type=Application
Version=1.5
Name=Editor \\ Co; "best"
Name[de]=Bearbeiter
Name[pt_BR]=Editor
Name[sr@latin]=Urednik
GenericName=Text Editor
Comment=Edit text
Comment[de]=Texte bearbeiten
Keywords=text;a b;
Exec=editor %U
Icon={ID}.png
MimeType=text/plain;x-scheme-handler/acme;
Categories=Utility;TextEditor;
OnlyShowIn=GNOME;
Terminal=false
NoDisplay=false
StartupNotify=true
StartupWMClass=Acme Editor
SingleMainWindow=true
X-GNOME-UsesNotifications=true
Actions=new-window;

[Desktop Action new-window]
Name=New Window
Name[de]=Neues Fenster
Icon={ID}-symbolic
Exec=editor --new "a b \\$c"
"""


def main(*lines: str) -> bytes:
    """A desktop file with these lines in place of, or beside, what it must have."""
    needed = {"Type": "Type=Application", "Name": "Name=Editor", "Exec": "Exec=editor"}
    given = {line.partition("=")[0] for line in takewhile(lambda line: line[:1] != "[", lines)}
    all_lines = [line for key, line in needed.items() if key not in given] + list(lines)
    return "\n".join(["[Desktop Entry]", *all_lines, ""]).encode()


def kept(*lines: str, app: Exporter = APP) -> dict[str, str]:
    """The keys of the main group that come of such a file."""
    text = emit(PATH, main(*lines), app).decode().partition("\n\n")[0]
    return dict(line.split("=", 1) for line in text.splitlines()[1:])


def test_all_that_is_allowed_is_kept_and_nothing_is_said_to_lack() -> None:
    emitted = re_emit(PATH, WHOLE.encode(), APP)
    before, after = strings(
        [WHOLE, emitted.data.decode()], "Keywords", "MimeType", "Categories", "OnlyShowIn"
    )
    main_before, main_after = before["Desktop Entry"], after["Desktop Entry"]

    assert emitted.dropped == ()
    assert main_after == main_before | {"Exec": OPENING, "Icon": ID, "X-AppCtl": ID}
    action = after["Desktop Action new-window"]
    assert action == before["Desktop Action new-window"] | {"Exec": rf'{OURS} --new "a b \$c"'}


@pytest.mark.parametrize(
    "line",
    [
        "TryExec=/usr/bin/editor",
        "Path=/etc",
        "Implements=org.freedesktop.FileManager1",
        "X-GNOME-Autostart-Phase=Initialization",
        "X-GNOME-Bugzilla-Bugzilla=x",
        "X-KDE-RunOnDiscreteGpu=true",
        "X-Flatpak=org.gnome.Nautilus",
        "X-AppCtl=org.gnome.Nautilus",
        "X-SnapInstanceName=x",
        "URL=file:///etc/passwd",
        "Icon[de]=org.acme.Editor",
        "Exec[de]=xterm",
        "Terminal[de]=true",
        "Name[de/../x]=x",
        "Name[d e]=x",
        "No Name=x",
        "Na_me=x",
        "Näme=x",
        "Name[]=x",
        "Icon=/usr/share/pixmaps/editor.png",
        "Icon=org.gnome.Nautilus",
        "Icon=org.acme.EditorPlus",
        "Icon=org.acme.Editor./../../x",
        "Icon=org.acme.Editor/x",
        "Terminal=1",
        "Terminal=True",
        "NoDisplay=yes",
        "Version=2.0",
        "Version=1.0$(id)",
        "Comment=a\\xb",
        "Comment=" + "x" * (LINE + 1),
        "Comment=\u202e",
        "Keywords=a\\x;",
        "StartupWMClass=a;b",
        "StartupWMClass=" + "x" * 256,
        "MimeType=text;plain;a/b/c;*/*;../..;",
        "Categories=X-GNOME-Settings-Panel;a b;",
        "OnlyShowIn=a b;",
        "Encoding=UTF-8",
        "DBusActivatable=true",
        "DBusActivatable=false",
        "Actions=gone;",
    ],
)
def test_what_steers_the_host_or_has_no_meaning_is_left_out_and_said(line: str) -> None:
    key = line.partition("=")[0]
    emitted = re_emit(PATH, main(line), APP)
    found = kept(line)

    assert key in emitted.dropped
    assert found == {"Type": "Application", "Name": "Editor", "Exec": OURS, "X-AppCtl": ID}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("Name=Nautilus\u202e\u200b\u00ad\x07", "Nautilus"),
        ("Name=a\\nb\\tc", "a b c"),
        ("Name=\u06a9\u200c\u0645", "\u06a9\u200c\u0645"),
        ("Comment=a\ue000\u2066b\u3164", "ab"),
        ("Keywords=a\u202e;\u200b;b", "a;b;"),
        ("Keywords=a;" + "b" * (LINE + 1) + ";", "a;"),
        (r"Keywords=a\;b;c", "c;"),
        ("MimeType=text/plain;no type;text/html", "text/plain;text/html;"),
        ("Categories=Utility;X-Panel;", "Utility;"),
        ("MimeType=" + "a/b;" * (ITEMS + 1), "a/b;" * ITEMS),
    ],
)
def test_what_is_left_of_a_value_is_kept_and_said(line: str, value: str) -> None:
    key = line.partition("=")[0]

    assert kept(line)[key] == value
    assert (key in re_emit(PATH, main(line), APP).dropped) == (line != f"{key}={value}")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[Other]\na=b\n" + main(),
        main("Type=Link"),
        main("Type=Directory"),
        main("Type="),
        main("Name="),
        main("Name=\u200b\u202e"),
        main("Name=" + "x" * (LINE + 1)),
        main("Exec="),
        main("Exec=sh -c 'editor'"),
        main("Exec=editor; xterm"),
        main("Exec=editor \\x"),
        main("Exec=editor a\\nb"),
        main("Actions=new;", "[Desktop Action new]", "Name=New", "Exec=a | b"),
        main() + main(),
        main("Name=a", "Name=b"),
        main("no line"),
        main(*(f"X-{number}=" for number in range(KEYS_OF_A_GROUP))),
        b"[Desktop Entry]\nType=Application\nName=Editor\n",
        main("X-Long=" + "x" * (256 << 10)),
        main("Exec=editor " + '"\\\\\\\\"' * 1000),
    ],
)
def test_a_file_that_cannot_start_or_show_the_app_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        emit(PATH, data, APP)


def test_it_is_activated_only_through_a_service_that_is_exported_too() -> None:
    served = Exporter(ID, APP.command, services=frozenset({ID}))
    other = Exporter(ID, APP.command, services=frozenset({f"{ID}.Search"}))
    alone = b"[Desktop Entry]\nType=Application\nName=Editor\nDBusActivatable=true\n"

    assert kept("DBusActivatable=true", app=served)["DBusActivatable"] == "true"
    assert "DBusActivatable" not in kept("DBusActivatable=true", app=other)
    alone += b"Actions=new;\n[Desktop Action new]\nName=New\n"
    assert emit(PATH, alone, served).decode().endswith("[Desktop Action new]\nName=New\n")
    assert b"Exec" not in emit(PATH, alone, served)
    with pytest.raises(Refused):
        emit(PATH, alone, other)


def test_what_opens_files_is_started_by_its_command_which_forwards_them() -> None:
    served = Exporter(ID, APP.command, services=frozenset({ID}))
    for line in ("editor %U", "editor --open %f"):
        assert "DBusActivatable" not in kept("DBusActivatable=true", f"Exec={line}", app=served)
    for line in ("editor", "editor %i", "editor --open=%f"):
        assert kept("DBusActivatable=true", f"Exec={line}", app=served)["DBusActivatable"] == "true"


def test_an_action_that_only_the_bus_could_start_is_left_out_where_the_command_does() -> None:
    served = Exporter(ID, APP.command, services=frozenset({ID}))
    lines = (
        "Actions=new;old;",
        "[Desktop Action new]",
        "Name=New",
        "[Desktop Action old]",
        "Name=O",
        "Exec=e",
    )
    for app, line in ((APP, "Exec=editor"), (served, "Exec=editor %U")):
        emitted = re_emit(PATH, main("DBusActivatable=true", line, *lines), app)
        assert b"Actions=old;" in emitted.data
        assert emitted.dropped == ("[Desktop Action new]", "DBusActivatable", "Actions")


def test_only_actions_that_are_named_and_shown_are_kept() -> None:
    groups = ["a", "b", "c d", "e"]
    lines = [
        line
        for name in groups
        for line in (f"[Desktop Action {name}]", f"Name={name}", "Exec=editor", "X-A=b")
    ]
    emitted = re_emit(PATH, main("Actions=e;a;c d;gone;", *lines, "[Desktop Action f]", "Exec=x"), APP)
    found = strings([emitted.data.decode()], "Actions")[0]

    assert found["Desktop Entry"]["Actions"] == ["e", "a"]
    assert [*found] == ["Desktop Entry", "Desktop Action e", "Desktop Action a"]
    assert found["Desktop Action a"] == {"Name": "a", "Exec": OURS}
    assert "Actions" in emitted.dropped
    assert "[Desktop Action b]" in emitted.dropped
    assert "[Desktop Action a] X-A" in emitted.dropped


def test_a_menu_of_actions_ends_somewhere() -> None:
    names = [f"a{number}" for number in range(ACTIONS + 1)]
    lines = [line for name in names for line in (f"[Desktop Action {name}]", "Name=x", "Exec=editor")]

    assert kept("Actions=" + ";".join(names), *lines)["Actions"] == ";".join(names[:ACTIONS]) + ";"


def test_desktop_file_validate_has_nothing_against_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / f"{ID}.desktop"
    older = WHOLE.replace("Version=1.5", "Version=1.4").replace("SingleMainWindow=true", "X-No=b")
    file.write_bytes(emit(PATH, older.encode(), APP))
    done = subprocess.run(["desktop-file-validate", file], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_gio_lists_it_as_it_was_meant(tmp_path: Path) -> None:
    file = tmp_path / f"{ID}.desktop"
    file.write_bytes(emit(PATH, WHOLE.replace("OnlyShowIn=GNOME;\n", "").encode(), APP))

    assert entry(file) == {
        "name": 'Editor \\ Co; "best"',
        "command": OPENING,
        "types": ["text/plain", "x-scheme-handler/acme"],
        "icon": ID,
        "actions": ["new-window"],
        "action names": ["New Window"],
        "shown": True,
        "hidden": False,
        "keywords": ["text", "a b"],
        "class": "Acme Editor",
        "activatable": False,
    }


@pytest.mark.parametrize(
    ("line", "action", "arguments"),
    [
        ('editor "a b" %f "\\\\\\\\ \\\\$x \\\\"q" %%', "", ["a b", "@@", "FILE", "@@", '\\ $x "q', "%"]),
        ("editor --open=%f --", "", ["--open=FILE", "--"]),
        ("editor %i %c", "", ["--icon", ID, 'It\'s $HOME `id`; "x" %f']),
        ("editor", "new", ["--new", "100%"]),
    ],
)
def test_gio_gives_our_command_exactly_the_words_that_were_meant(
    line: str, action: str, arguments: list[str], tmp_path: Path
) -> None:
    told, script, opened = tmp_path / "told", tmp_path / "appctl run", tmp_path / "it's; $x %f"
    os.mkfifo(told)
    opened.touch()
    script.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" > '{told}'\n")
    script.chmod(0o755)
    text = main(
        "Name=It's $HOME `id`; \"x\" %f", f"Icon={ID}", f"Exec={line}", "Actions=new;",
        "[Desktop Action new]", "Name=New", "Exec=editor --new 100%%",
    )  # fmt: skip
    file = tmp_path / f"{ID}.desktop"
    file.write_bytes(emit(PATH, text, Exporter(ID, (str(script), "--system", "run"))))
    launch(file, *([str(opened)] if "%f" in line else []), action=action)  # else GIO puts it at the end

    meant = [word.replace("FILE", str(opened)) for word in arguments]
    forwarding = ["--file-forwarding"] if "@@" in meant else []
    ours = ["--system", "run", "--command=editor", *forwarding, ID, "--"]
    assert told.read_text().split("\0") == [*ours, *meant, ""]
