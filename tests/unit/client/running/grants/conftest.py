# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A caller with directories of his own, and an app of his with a shell."""

from pathlib import Path

import pytest

from support.machines.deployments import Made

APP = "org.acme.Tool"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    for name, place in (("HOME", "home"), ("XDG_RUNTIME_DIR", "runtime")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(name, str(tmp_path / place))
    for name in (
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "WAYLAND_DISPLAY",
        "DBUS_SESSION_BUS_ADDRESS",
    ):
        monkeypatch.delenv(name, raising=False)
    (home / "secret").write_text("of the host\n")
    (home / "Shared").mkdir()
    return home


@pytest.fixture
def made(home: Path) -> Made:
    made = Made(home / ".local/share/appctl", APP)
    return made.programs("sh", "cat", "ls", "mv", "touch", "env").write(entrypoint=["sh", "-c"])
