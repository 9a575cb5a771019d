# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A screen that nobody looks at: the real Xvfb, in a mount namespace with whoever draws on it.

An X server's socket lies in /tmp, where only root may make the directory for it; here it is in a /tmp that
nobody else sees, and there is no abstract one, which all servers of a machine would share. Guarantees that
the server and all that was started with it are gone at the end.
"""

import contextlib
import os
import signal
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT = 320, 240
SECONDS = 60.0  # for whoever draws to get there, on a busy machine
# Wait for the server; what is drawn on it is drawn by the command, whose output is the script's.
SCRIPT = """
Xvfb :7 -ac -nolisten tcp -nolisten local -screen 0 "$2"x24 -fbdir "$1" >/dev/null 2>&1 &
server=$!
shift 2
until [ -S /tmp/.X11-unix/X7 ]; do sleep 0.05; done
DISPLAY=:7 "$@"
code=$?
kill $server
exit $code
"""


class Screen:
    """What is on it, and the program that draws there."""

    def __init__(self, directory: Path, program: subprocess.Popen[str], size: tuple[int, int]) -> None:
        self._memory = directory / "Xvfb_screen0"
        self._width, self._height = size
        self.program = program

    def pixels(self, colour: str) -> int:
        """How many have the colour `#rrggbb` now."""
        red, green, blue = bytes.fromhex(colour.removeprefix("#"))
        return self._shown().count(bytes([blue, green, red, 0]))

    def rows(self, width: int, height: int) -> list[bytes]:
        """The upper left corner as it is now: of each pixel red, green and blue."""
        shown, line = self._shown(), self._width * 4
        cut = [shown[start : start + width * 4] for start in range(0, height * line, line)]
        return [_rgb(row) for row in cut]

    def still(self, width: int, height: int) -> list[bytes]:
        """The same, once it does not move."""
        before: list[bytes] = []
        while before != (now := self.rows(width, height)):
            before = now
            time.sleep(0.2)
        return now

    def wait_for(self, colour: str, number: int = 1) -> None:
        """Wait until so many pixels have it, or more: what is being drawn is there in part first."""
        end = time.monotonic() + SECONDS
        while self.pixels(colour) < number:
            assert self.program.poll() is None, f"ended, and drew nothing: {self.ended()}"
            if time.monotonic() > end:
                raise AssertionError(f"what is on the screen most: {self._common()}")
            time.sleep(0.05)

    def _common(self) -> list[str]:
        shown = self._shown()
        colours = Counter(shown[place : place + 3][::-1].hex() for place in range(0, len(shown), 4))
        return [f"#{colour}: {number}" for colour, number in colours.most_common(5)]

    def wait_until(self, happened: Callable[[], bool], told: Callable[[], str]) -> None:
        """Wait for something else, while the program runs; `told` is what is known if it does not happen."""
        end = time.monotonic() + SECONDS
        while not happened():
            assert self.program.poll() is None, f"ended: {self.ended()}"
            assert time.monotonic() < end, told()
            time.sleep(0.05)

    def ended(self) -> str:
        """Wait for the program's end; what it said."""
        said, _ = self.program.communicate(timeout=SECONDS)
        return said

    def _shown(self) -> bytes:
        """The server's memory of it is an xwd file: a header, colours, pixels (X11/XWDFile.h)."""
        try:
            image = self._memory.read_bytes()
        except FileNotFoundError:  # not yet, or not any more
            return b""
        if len(image) < self._width * self._height * 4:
            return b""
        header, colours = struct.unpack_from(">I", image)[0], struct.unpack_from(">I", image, 19 * 4)[0]
        return image[header + colours * 12 :]


def _rgb(row: bytes) -> bytes:
    """Of pixels of four bytes, blue first."""
    made = bytearray(len(row) // 4 * 3)
    for place in range(3):
        made[place::3] = row[2 - place :: 4]
    return bytes(made)


@contextmanager
def screen(
    directory: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Iterator[Screen]:
    """Run the command before a screen of its own; of /tmp it sees `directory`'s parent and the checkout."""
    directory.mkdir()
    seen = [part for path in (TOP, directory.parent) for part in ("--bind", str(path), str(path))]
    wrapped = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", "/tmp", "--dir", "/tmp/.X11-unix", *seen]
    wrapped += ["--die-with-parent", "--"]
    program = subprocess.Popen(
        [*wrapped, "sh", "-c", SCRIPT, "sh", str(directory), "{}x{}".format(*size), *command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with program:
        try:
            yield Screen(directory, program, size)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
