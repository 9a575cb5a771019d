# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A person's hand and eye before a GTK 4 program, on a screen of its own.

    with hand(directory, program, environment) as person:
        person.write("acme/editor")
        person.press("Install")
        person.see("Installed")

Every deed waits until it is possible, and fails with all that can be read when it never is. What happens in
the program's process is hand_inside.py.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.images.png import png
from support.people.screen import Screen, screen

INSIDE = Path(__file__).with_name("hand_inside.py")
SECONDS = 120.0  # on a busy machine, until a job has gone so far; only ends a hang
SIZE = (1400, 1600)  # of the screen: no window is squeezed
CORNER = 24  # radius in pixels, as a desktop would draw it
# Nothing of a desktop is there, and nothing of the graphics card's.
SETTINGS = {
    "GDK_BACKEND": "x11",
    "GDK_SCALE": "2",
    "GSK_RENDERER": "cairo",
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "GSETTINGS_BACKEND": "memory",
    "GTK_A11Y": "none",
    "NO_AT_BRIDGE": "1",
    "LANG": "C.UTF-8",
}


class Hand:
    """What is asked of the program."""

    def __init__(self, seen: Screen, connection: socket.socket) -> None:
        self._seen = seen
        self._lines = connection.makefile("rw")

    def press(self, button: str, beside: str = "") -> None:
        """Press a button, by its text or tooltip; `beside` is a text in the same row."""
        self._do("press", button, beside)

    def write(self, text: str) -> None:
        """Type into the search entry, and press return."""
        self._do("write", text)

    def see(self, *words: str) -> list[str]:
        """Wait until all of these can be read; everything that can be read then."""
        found: list[str] = self._do("see", *words)
        return found

    def miss(self, *words: str) -> list[str]:
        """Wait until none of these can be read any more."""
        found: list[str] = self._do("miss", *words)
        return found

    def picture(self, file: Path) -> None:
        """Write what is on the screen of the newest window, once it does not move, into a PNG."""
        file.write_bytes(png(self._seen.still(*self._do("size")), corner=CORNER))

    def _do(self, deed: str, *arguments: str) -> Any:  # noqa: ANN401 - the deed knows
        self._lines.write(json.dumps([deed, arguments, SECONDS]) + "\n")
        self._lines.flush()
        line = self._lines.readline()
        assert line, f"the program ended: {self._seen.ended()}"
        answer = json.loads(line)
        assert "impossible" not in answer, answer["impossible"]
        return answer["done"]


@contextmanager
def hand(directory: Path, program: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[Hand]:
    """Start the program; `directory`, whose name is short, is not there yet. What lies beside it is seen."""
    directory.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "hand"))
        listener.listen(1)
        listener.settimeout(SECONDS)
        command = ["/usr/bin/python3", str(INSIDE), str(directory / "hand"), str(program), *arguments]
        with screen(directory.with_name("screen"), command, {**environment, **SETTINGS}, SIZE) as seen:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                raise AssertionError(f"the program does not start: {seen.ended()}") from None
            with connection:
                connection.settimeout(2 * SECONDS)
                yield Hand(seen, connection)
