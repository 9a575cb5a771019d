# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/journal.py: log lines go to the journal where it listens, else to standard error."""

import logging
import sys
from collections.abc import Iterator
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
    journal.set_up(verbose=False)
    (handler,) = (handler for handler in root.handlers if handler not in before)
    return handler


@pytest.mark.parametrize(("verbose", "level"), [(True, logging.DEBUG), (False, logging.INFO)])
def test_the_level_is_the_one_asked_for(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, *, verbose: bool, level: int
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    journal.set_up(verbose=verbose)
    assert root.level == level


def test_without_a_journal_lines_go_to_standard_error(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    journal.set_up(verbose=False)
    logging.getLogger("appctld.jobs").warning("something %d", 1)
    found = capsys.readouterr()
    assert (found.out, found.err) == ("", "appctld: WARNING: something 1\n")


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
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    handler = added(root)
    assert isinstance(handler, JournalHandler)
    assert handler.names == {"SYSLOG_IDENTIFIER": "appctld"}


def test_without_the_package_the_journal_still_gets_the_lines(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systemd reads standard error too; what is lost is the priority."""
    monkeypatch.setitem(sys.modules, "systemd.journal", None)
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    handler = added(root)
    assert isinstance(handler, logging.StreamHandler)
