# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""__main__.py: how the daemon ends, which is what systemd decides by whether to start it again."""

import asyncio
import errno
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appctld import __main__ as daemon
from appctld.bus.wire.connection import BusLostError
from appctld.bus.wire.questions import BusCallError
from appctld.errors import AppctlError, Busy, Failed
from appctld.scope import Scope, user_scope
from support.workers.inline import StockLauncher


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of the root logger, as they were."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (Busy("another daemon works here"), 1),  # it may be gone in a moment
        (BusLostError("the bus went away"), 1),
        (BusCallError("org.freedesktop.DBus.Error.AccessDenied", "the name is not for this user"), 1),
        (OSError(errno.ENOSPC, "No space left on device"), 1),
        (AppctlError("bubblewrap cannot start a sandbox here"), daemon.REFUSED),
        (Failed("machine type z80 is not known"), daemon.REFUSED),
    ],
)
def test_what_may_pass_is_tried_again_and_what_does_not_is_not(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, code: int
) -> None:
    async def run(_scope: Scope) -> int:
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr(sys, "argv", ["appctld", "--user"])
    monkeypatch.setattr(daemon, "run", run)
    assert daemon.main() == code


def test_root_is_refused(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["appctld", "--system"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert daemon.main() == daemon.REFUSED
    assert "does not run as root" in caplog.text


@pytest.mark.parametrize(
    ("words", "level"), [(["--log-level", "warning"], "WARNING"), (["--verbose"], "DEBUG")]
)
def test_the_level_of_the_command_line_counts_more_than_the_environments(
    monkeypatch: pytest.MonkeyPatch, words: list[str], level: str
) -> None:
    async def run(_scope: Scope) -> int:
        return 0

    monkeypatch.setenv("APPCTL_LOG", "error")
    monkeypatch.setattr(sys, "argv", ["appctld", "--user", *words])
    monkeypatch.setattr(daemon, "run", run)
    assert daemon.main() == 0
    assert logging.getLevelName(logging.getLogger().level) == level


def test_a_sandbox_that_does_not_start_leads_to_doctor(tmp_path: Path) -> None:
    scope = replace(user_scope({"HOME": str(tmp_path)}), launcher=StockLauncher(true="false"))
    with pytest.raises(AppctlError, match="bubblewrap cannot start a sandbox here") as raised:
        asyncio.run(daemon.check_sandbox(scope))
    assert raised.value.advice == "appctl doctor"


@pytest.mark.parametrize("address", ["", "nonsense"])
def test_without_a_bus_it_says_so_and_may_be_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, address: str
) -> None:
    async def works(_scope: Scope) -> None:
        return None

    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    monkeypatch.setattr(sys, "argv", ["appctld", "--user"])
    monkeypatch.setattr(daemon, "check_sandbox", works)
    monkeypatch.setattr(daemon, "user_scope", lambda _environment: user_scope({"HOME": str(tmp_path)}))
    assert daemon.main() == 1
    assert "the user scope's bus does not let us in" in caplog.text
