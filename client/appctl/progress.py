# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A job's progress: a bar on a terminal, NDJSON for programs, otherwise nothing. All of it goes to stderr.

It is told the job's properties whenever some changed. rich is imported with the first of them, and only for a
bar.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from appctl.show import escape
from appctl.wire import JsonValue, get_int, get_str, snake, underscored

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

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
            print(line, file=sys.stderr, flush=True)


class Bar(Silent):
    """A bar that goes away when the job ends."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, job: Mapping[str, JsonValue]) -> None:
        """Draw it anew."""
        if self._bar is None:
            self._bar = _rich_bar()
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        if self._task is not None:
            total, percent = get_int(job, "BytesTotal"), get_int(job, "Percent", -1)
            done = get_int(job, "BytesDone") if total else max(percent, 0)
            what = get_str(job, "Stage") or get_str(job, "State")
            title = escape(get_str(job, "Title"))
            self._bar.update(
                self._task,
                description=f"{title} {escape(what)}".strip(),
                completed=done,
                total=total or (None if percent < 0 else 100),
            )
            self._bar.refresh()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _rich_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True, markup=False, highlight=False),
        transient=True,
        auto_refresh=False,  # no thread of its own
    )


def display(options: Namespace) -> Silent:
    """Choose what the command line asks for and stderr can show."""
    if options.progress == "json":
        return Lines()
    if options.quiet or options.noninteractive or not sys.stderr.isatty():
        return Silent()
    return Bar()
