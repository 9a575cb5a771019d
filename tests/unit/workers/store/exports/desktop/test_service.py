# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A service of the session bus starts the app and nothing else, whichever bus reads it."""

import subprocess
from pathlib import Path

import pytest

from appctld.workers.store.exports.emit import Exporter, Refused, emit, re_emit
from support.buses.bus import private_bus

ID = "org.acme.Editor"
APP = Exporter(ID, ("/usr/bin/appctl", "--system", "run"))
PATH = "dbus-1/services/org.acme.Editor.service"
REST = "org.acme.Editor --"
REFUSED = [
    "Name=org.gnome.Nautilus\nExec=editor",
    "Name=org.acme.Editor.Other\nExec=editor",
    "Name=\nExec=editor",
    "Exec=editor",
    "Name=org.acme.Editor",
    "Name=org.acme.Editor\nExec=",
    "Name=org.acme.Editor\nExec=editor | sh",
    "Name=org.acme.Editor\nExec=editor \\x",
    'Name=org.acme.Editor\nExec=editor "a\\\\\\\\b"',
    'Name=org.acme.Editor\nExec=editor "a\\\\"b"',
    "Name=org.acme.Editor\nName=org.gnome.Nautilus\nExec=editor",
]


def test_a_service_starts_the_app_with_a_fixed_command() -> None:
    text = '[D-BUS Service]\nName=org.acme.Editor\nExec=/usr/bin/editor --service "a b" 5% %f\n'

    assert emit(PATH, text.encode(), APP).decode() == (
        "[D-BUS Service]\nName=org.acme.Editor\n"
        f'Exec=/usr/bin/appctl --system run --command=/usr/bin/editor {REST} --service "a b" 5% %f\n'
    )


def test_units_users_labels_and_other_groups_are_left_out() -> None:
    text = (
        "[Other]\nName=x\n[D-BUS Service]\nUser=root\nName=org.acme.Editor\nExec=editor\n"
        "SystemdService=sshd.service\nAssumedAppArmorLabel=unconfined\nName[de]=x\n"
    )
    emitted = re_emit(PATH, text.encode(), APP)

    line = f"Exec=/usr/bin/appctl --system run --command=editor {REST}"
    assert emitted.data.decode() == f"[D-BUS Service]\nName=org.acme.Editor\n{line}\n"
    assert emitted.dropped == ("User", "SystemdService", "AssumedAppArmorLabel", "Name[de]", "[Other]")


@pytest.mark.parametrize("text", REFUSED)
def test_a_service_of_another_name_or_without_a_command_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        emit(PATH, f"[D-BUS Service]\n{text}\n".encode(), APP)


def test_dbus_daemon_gives_our_command_exactly_the_words_that_were_meant(tmp_path: Path) -> None:
    told, script, services = tmp_path / "told", tmp_path / "appctl run", tmp_path / "services"
    script.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" > '{told}'\nexit 9\n")
    script.chmod(0o755)
    services.mkdir()
    text = f'[D-BUS Service]\nName={ID}\nExec=/usr/bin/editor "a  b; \'c\'" 5% "" x é\n'
    app = Exporter(ID, (str(script), "--system", "run"))
    (services / f"{ID}.service").write_bytes(emit(PATH, text.encode(), app))
    with private_bus(tmp_path) as address:
        start = ("--method", "org.freedesktop.DBus.StartServiceByName", ID, "0")
        command = [
            "gdbus",
            "call",
            "--address",
            address,
            "--dest",
            "org.freedesktop.DBus",
            "--object-path",
            "/",
        ]
        done = subprocess.run([*command, *start], capture_output=True, text=True, check=False)

    assert "exited with status 9" in done.stderr  # and by then it has told all
    assert told.read_text().split("\0") == [
        "--system", "run", "--command=/usr/bin/editor", ID, "--", "a  b; 'c'", "5%", "", "x", "é", "",
    ]  # fmt: skip
