# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The bar: one line on every terminal, and none where it could not be taken away again."""

import contextlib
import fcntl
import io
import os
import struct
import sys
import termios
from argparse import Namespace

import pytest
from rich.console import Console

from appctl.talk.wire import JsonValue
from appctl.terminal.progress import Bar, Lines, Silent, Steps, display, one_line

TITLE = "Install quay.io/acme/a-repository-with-a-long-name:1 downloading"
JOB: dict[str, JsonValue] = {"State": "running", "Title": TITLE, "BytesTotal": 1 << 40, "BytesDone": 1 << 39}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [10, 20, 40, 59, 60, 80, 200])
@pytest.mark.parametrize("total", [None, 1 << 40])
def test_the_bar_takes_one_line(columns: int, total: int | None) -> None:
    console = Console(file=io.StringIO(), width=columns, force_terminal=True)
    bar = one_line(console)
    bar.add_task(TITLE, total=total, completed=1 << 39)
    lines = console.render_lines(bar.get_renderable(), pad=False)
    assert len(lines) == 1
    assert sum(segment.cell_length for segment in lines[0]) <= columns
    assert "".join(segment.text for segment in lines[0]).startswith("Install"[: columns // 2])


def test_the_bar_is_drawn_with_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with Bar() as bar:
        bar(JOB)
        first = terminal.getvalue()
        bar(JOB | {"BytesDone": 1 << 40})
    assert "Install quay.io" in first
    assert "0.5/1.1 TB" in first


def test_a_narrow_terminal_has_the_title_alone_whatever_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, outside = os.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 20, 0, 0))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(inside, "rb", buffering=0) as seen:
        with os.fdopen(outside, "w") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            with Bar() as bar:
                bar(JOB)
        shown = b""
        with contextlib.suppress(OSError):  # EIO, at the end: nobody has the terminal open any more
            while piece := seen.read(4096):
                shown += piece
    assert b"Install quay.io" in shown


@pytest.mark.parametrize(
    ("term", "options", "kind"),
    [
        ("xterm", {}, Bar),
        ("dumb", {}, Silent),
        (None, {}, Silent),
        ("xterm", {"quiet": True}, Silent),
        ("xterm", {"noninteractive": True}, Silent),
        ("dumb", {"progress": "json"}, Lines),
        ("dumb", {"verbose": True}, Steps),
        ("xterm", {"verbose": True}, Steps),
        ("xterm", {"verbose": True, "quiet": True}, Silent),
        ("xterm", {"verbose": True, "progress": "json"}, Lines),
    ],
)
def test_where_there_is_a_bar(
    term: str | None, options: dict[str, object], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delenv("TERM", raising=False)
    if term is not None:
        monkeypatch.setenv("TERM", term)
    nothing = dict.fromkeys(("no_color", "quiet", "noninteractive", "verbose"), False)
    shown = display(Namespace(**{"progress": "", **nothing, **options}))
    assert type(shown) is kind
