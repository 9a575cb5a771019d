# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A job's progress: a bar on a terminal, NDJSON for programs, otherwise nothing. All of it goes to stderr.

It is told the job's properties whenever some changed. rich is imported with the first of them, and only for a
bar.
"""

import contextlib
import json
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from appctl.talk.wire import JsonValue, get_int, get_str, snake, underscored
from appctl.terminal.show import escape, note

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

CANCELLING = "Cancelling; Ctrl-C again leaves at once."
_CARET = 3  # columns: `^C`, and the cursor behind it
_NARROW = 60  # columns; below, what is done matters more than how fast
_TITLE = 2  # of the room that is left, for one of the bar
_TOLD = ("State", "Stage", "Title", "Percent", "BytesDone", "BytesTotal", "BytesReused")


class Silent:
    """Tells nothing; the others are made from it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the display away."""

    def __call__(self, job: Mapping[str, JsonValue]) -> None:
        """Show what the properties say now."""

    def pause(self) -> None:
        """Take away what stands where a person will type; it comes back by itself."""

    def interrupted(self) -> None:
        """Say that Ctrl-C was understood, below what it has left on the terminal."""
        note(f"\n{CANCELLING}")


class Lines(Silent):
    """One JSON document a line; a line for every change of what it holds."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, job: Mapping[str, JsonValue]) -> None:
        """Print the job's progress, if it is other than before."""
        values = {snake(key): underscored(job[key]) for key in _TOLD if key in job}
        line = json.dumps({"progress": values}, ensure_ascii=True)
        if line != self._last:
            self._last = line
            note(line)


class Steps(Silent):
    """A line for each step of a job, for who wants to know (--verbose)."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, job: Mapping[str, JsonValue]) -> None:
        """Say what is done now, if it is another step than before."""
        state, stage = get_str(job, "State"), get_str(job, "Stage")
        step = stage if state == "running" and stage else state
        line = f"{escape(get_str(job, 'Title'))}: {escape(step)}"
        if line != self._last:
            self._last = line
            note(line)


class Bar(Silent):
    """A bar that goes away when the job ends."""

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, job: Mapping[str, JsonValue]) -> None:
        """Draw it anew."""
        total, percent = get_int(job, "BytesTotal"), get_int(job, "Percent", -1)
        done = get_int(job, "BytesDone") if total else max(percent, 0)
        whole = total or (None if percent < 0 else 100)
        what = get_str(job, "Stage") or get_str(job, "State")
        title = f"{escape(get_str(job, 'Title'))} {escape(what)}".strip()
        if self._bar is None:
            self._bar = one_line(plain=self._plain)
            self._task = self._bar.add_task(title, total=whole, completed=done)
            self._bar.start()
        elif self._task is not None:
            _fit(self._bar.console)
            self._bar.update(self._task, description=title, completed=done, total=whole)
            self._bar.refresh()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self.pause()

    def pause(self) -> None:
        """Take the bar away; the next change draws another."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def interrupted(self) -> None:
        """Say it where the bar was, which comes back below."""
        before = "" if self._bar else "\n"
        self.pause()
        note(f"{before}{CANCELLING}")


def _fit(console: "Console") -> None:
    """Leave room for the `^C` of the terminal: on a line of its own it would keep the bar from going away."""
    with contextlib.suppress(OSError, ValueError):
        console.width = max(os.get_terminal_size(sys.stderr.fileno()).columns - _CARET, 1)


def one_line(console: "Console | None" = None, *, plain: bool = False) -> "Progress":
    """Make a bar that takes one line of the terminal, however narrow that is; `plain` has no colour."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
    from rich.table import Column

    def column(ratio: int | None = None) -> Column:
        return Column(no_wrap=True, overflow="ellipsis", ratio=ratio)

    if console is None:
        # None: as $NO_COLOR says
        console = Console(stderr=True, markup=False, highlight=False, no_color=plain or None)
        _fit(console)  # before it is known what has room on it: rich would believe $COLUMNS
    title = TextColumn("{task.description}", markup=False, table_column=column(_TITLE))
    if console.width < _NARROW:
        return Progress(title, console=console, transient=True, auto_refresh=False, expand=True)
    return Progress(
        title,
        BarColumn(None, table_column=column(1)),
        DownloadColumn(table_column=column()),
        TransferSpeedColumn(table_column=column()),
        console=console,
        transient=True,
        auto_refresh=False,  # no thread of its own
        expand=True,
    )


def display(options: Namespace) -> Silent:
    """Choose what the command line asks for and stderr can show."""
    if options.progress == "json":
        return Lines()
    if options.verbose and not options.quiet:
        return Steps()
    dumb = os.environ.get("TERM", "dumb") == "dumb"  # it cannot draw over what it drew
    if options.quiet or options.noninteractive or dumb or not sys.stderr.isatty():
        return Silent()
    return Bar(plain=options.no_color)
