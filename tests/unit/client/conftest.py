# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A private bus with a daemon that does what the test says, and an environment that leads there."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.buses.bus import private_bus
from support.buses.commands import Terminal
from support.buses.fake_installer import FakeInstaller


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeInstaller]:
    with tempfile.TemporaryDirectory(prefix="bus.") as place, private_bus(Path(place)) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={place}/nothing")
        monkeypatch.setenv("HOME", place)
        monkeypatch.setenv("APPCTL_SCOPE", "user")
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        with FakeInstaller(address) as fake:
            yield fake


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a person at a terminal type something."""
    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(text))
