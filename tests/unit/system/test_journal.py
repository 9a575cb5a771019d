# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/journal.py: log lines go to the journal where it listens, else to standard error."""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from appctld.system import journal


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before = (logger.level, list(logger.handlers))
    yield logger
    logger.handlers[:] = before[1]
    logger.setLevel(before[0])


def added(root: logging.Logger) -> logging.Handler:
    """The one handler that `set_up` adds to those of pytest."""
    before = list(root.handlers)
    journal.set_up("info")
    (handler,) = (handler for handler in root.handlers if handler not in before)
    return handler


def stream_of(descriptor: int) -> str:
    """What systemd says of one that it connected with the journal (systemd.exec(5))."""
    found = os.fstat(descriptor)
    return f"{found.st_dev}:{found.st_ino}"


@pytest.mark.parametrize(
    ("told", "environment", "level"),
    [
        ("debug", "", logging.DEBUG),
        ("warning", "debug", logging.WARNING),
        (None, "debug", logging.DEBUG),
        (None, "error", logging.ERROR),
        (None, "DEBUG; rm", logging.INFO),
        (None, "", logging.INFO),
    ],
)
def test_the_level_is_the_one_of_the_command_line_else_of_the_environment(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, told: str | None, environment: str, level: int
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    journal.set_up(journal.chosen_level(told, environment))
    assert root.level == level


def test_without_a_journal_lines_go_to_standard_error(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    journal.set_up("info")
    logging.getLogger("appctld.jobs").warning("something %d", 1)
    found = capsys.readouterr()
    assert (found.out, found.err) == ("", "appctld: WARNING: something 1\n")


def test_a_journal_that_does_not_read_our_standard_error_is_not_where_lines_go(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Who started us had it, and sent ours elsewhere."""
    with (tmp_path / "other").open("w") as other:
        monkeypatch.setenv("JOURNAL_STREAM", stream_of(other.fileno()))
        journal.set_up("info")
    logging.getLogger("appctld.jobs").warning("something")
    assert capsys.readouterr().err == "appctld: WARNING: something\n"


def test_with_standard_error_closed_there_is_no_journal(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        monkeypatch.setattr(journal, "STANDARD_ERROR", closed.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", stream_of(closed.fileno()))
    assert type(added(root)) is logging.StreamHandler


def test_with_a_journal_its_handler_is_used_and_named(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class JournalHandler(logging.NullHandler):
        def __init__(self, **names: str) -> None:
            super().__init__()
            self.names = names

    fake = ModuleType("systemd.journal")
    fake.JournalHandler = JournalHandler  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "systemd", ModuleType("systemd"))
    monkeypatch.setitem(sys.modules, "systemd.journal", fake)
    monkeypatch.setenv("JOURNAL_STREAM", stream_of(2))
    handler = added(root)
    assert isinstance(handler, JournalHandler)
    assert handler.names == {"SYSLOG_IDENTIFIER": "appctld"}


def test_without_the_package_the_journal_still_gets_the_lines_with_their_priorities(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "systemd.journal", None)
    monkeypatch.setenv("JOURNAL_STREAM", stream_of(2))
    journal.set_up("debug")
    logger = logging.getLogger("appctld.jobs")
    logger.debug("a")
    logger.info("b")
    logger.warning("c")
    try:
        int("why")
    except ValueError:
        logger.exception("d")
    logger.critical("e")
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if not line.startswith("<3>")] == ["<7>a", "<6>b", "<4>c", "<2>e"]
    assert lines[3] == "<3>d"
    assert lines[-2].startswith("<3>ValueError: ")


def test_a_line_has_a_field_for_all_that_is_known_and_no_other() -> None:
    whole = journal.about(job=3, uid=0, app="org.acme.X", remote="acme", error="Conflict")
    assert whole == {"JOB": 3, "UID": 0, "APP": "org.acme.X", "REMOTE": "acme", "ERROR": "Conflict"}
    assert tuple(whole) == journal.FIELDS
    assert journal.about(uid=1000) == {"UID": 1000}


PROGRAM = """
import logging
from appctld.system.journal import about, set_up
set_up("info")
fields = about(job=3, uid=0, app="org.acme.X", error="Busy")
logging.getLogger("appctld.jobs").info("it %s", "failed", extra=fields)
"""


def test_fields_reach_the_journals_own_socket(tmp_path: Path) -> None:
    """The real library, in a sandbox where the journal is this test (systemd.journal-fields(7))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        around = ("bwrap", "--dev-bind", "/", "/", "--tmpfs", "/run")
        here = ("--bind", str(tmp_path), "/run/systemd/journal")
        command = [*around, *here, sys.executable, "-c", PROGRAM]
        with (tmp_path / "stderr").open("w+") as stderr:
            environment = {**os.environ, "JOURNAL_STREAM": stream_of(stderr.fileno())}
            subprocess.run(command, env=environment, stderr=stderr, check=True)
            assert (tmp_path / "stderr").read_text() == ""
        listening.settimeout(0)
        lines = listening.recv(1 << 16).decode().splitlines()
    assert {"MESSAGE=it failed", "PRIORITY=6", "SYSLOG_IDENTIFIER=appctld"} <= {*lines}
    assert {"JOB=3", "UID=0", "APP=org.acme.X", "ERROR=Busy"} <= {*lines}
    assert not [line for line in lines if line.startswith("REMOTE=")]
