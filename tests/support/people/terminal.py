# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
r"""A person at a terminal: a program on a real pseudo-terminal, what it shows there, and what is typed.

    with Terminal(["appctl", "install", "acme/editor"], machine.environment) as terminal:
        terminal.until("[Y/n]")
        terminal.type("y\n")
        assert terminal.end() == 0
    terminal.lines()

The program is the terminal's foreground process group, so that Ctrl-C reaches it as it does a person's. What
is shown is drawn by a terminal emulator (pyte): `lines` is what a person has seen in the end, with what was
drawn over gone; `raw` is every byte.
"""

import fcntl
import itertools
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import pyte

PATIENCE = 60.0  # seconds on a busy machine until something must have happened
_QUESTION = re.compile(rb"\[(?:Y/n|y/N)[^\]]*\] ")
HISTORY = 1000  # lines that scrolled away and still count as seen


class Terminal:
    """One program on a terminal of `columns` times `rows`."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 110,
        rows: int = 40,
        term: str | None = "xterm",
    ) -> None:
        self.raw = b""
        self._screen = pyte.HistoryScreen(columns, rows, history=HISTORY, ratio=1)
        self._stream = pyte.ByteStream(self._screen)
        self._command = ["setsid", "--ctty", "--wait", *command]
        of_the_terminal = {"TERM", "COLUMNS", "LINES"}
        self._environment = {name: environment[name] for name in environment.keys() - of_the_terminal}
        if term is not None:
            self._environment["TERM"] = term
        self._size = (columns, rows)
        self._inside = -1
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._inside, outside = pty.openpty()
        self.resize(*self._size)
        try:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdin=outside, stdout=outside, stderr=outside
            )
        finally:
            os.close(outside)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._inside)  # whoever still reads or writes there is hung up on
        if self.process is not None:
            self.process.wait(PATIENCE)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size, and let the program know."""
        fcntl.ioctl(self._inside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    def until(self, text: str) -> None:
        """Read until that is on the screen, or has been."""
        self.wait(lambda: text in "\n".join(self.lines()) or text.encode() in self.raw, text)

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        """Read until that has happened."""
        end = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < end, f"{what!r} does not come: {self.lines()}"
            assert self._read(0.1) is not False, f"it ended before {what!r}: {self.lines()}"

    def type(self, text: str) -> None:
        """Type; Ctrl-C is the character 3."""
        os.write(self._inside, text.encode())

    def end(self, answer: str = "", question: re.Pattern[bytes] = _QUESTION, *, hidden: bool = False) -> int:
        """Read until the program is gone, giving its questions that answer, if any; its exit code.

        A `hidden` answer is typed once nothing typed is shown: what comes before is thrown away (TCSAFLUSH).
        """
        end = time.monotonic() + PATIENCE
        answered = 0
        while self._read(0.1) is not False:
            assert time.monotonic() < end, f"it does not end: {self.lines()}"
            while answer and answered < len(question.findall(self.raw)) and not (hidden and self._shows()):
                self.type(answer)
                answered += 1
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def lines(self) -> list[str]:
        """What is on the screen and what scrolled away, without the blanks and lines that fill it."""
        before = [
            "".join(row[column].data for column in range(self._screen.columns))
            for row in self._screen.history.top
        ]
        shown = [line.rstrip() for line in [*before, *self._screen.display]]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def spans(self) -> list[list[tuple[str, str]]]:
        """The same as pieces that look the same: the text, and "", "bold" or a colour."""
        rows = [self._screen.history.top[index] for index in range(len(self._screen.history.top))]
        rows += [self._screen.buffer[number] for number in range(self._screen.lines)]
        return [_pieces(row, line) for row, line in zip(rows, self.lines(), strict=False)]

    def colours(self, text: str) -> set[str]:
        """Those in which a text stands on the screen, `default` among them; none where it does not."""
        found = set()
        for number, line in enumerate(self._screen.display):
            for place in re.finditer(re.escape(text), line):
                found |= {self._screen.buffer[number][column].fg for column in range(*place.span())}
        return found

    def _shows(self) -> bool:
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self._inside)[3] & termios.ECHO)

    def _read(self, seconds: float) -> bool | None:
        """Read what is there: whether something was; False when nobody has the terminal open any more."""
        if not select.select([self._inside], [], [], seconds)[0]:
            return None
        try:
            data = os.read(self._inside, 65536)
        except OSError:  # EIO: the other end is closed
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


def _pieces(row: Mapping[int, Any], line: str) -> list[tuple[str, str]]:
    """A line that was drawn, cut where its look changes."""
    look = [_look(row[column]) for column in range(len(line))]
    runs = itertools.groupby(range(len(line)), key=look.__getitem__)
    return [("".join(line[column] for column in columns), style) for style, columns in runs]


def _look(cell: Any) -> str:  # noqa: ANN401 - pyte has no types
    return cell.fg if cell.fg != "default" else "bold" if cell.bold else ""
