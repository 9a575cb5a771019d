# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How things look: escaped foreign text, sizes, dates, tables, colour.

Guarantees: what strangers wrote (names, labels, user IDs) reaches the terminal with every control, format and
invisible character spelled out, so that nothing is shown unlike it is; colour only on a terminal, and never
with NO_COLOR or --no-color. No markup is interpreted here.
"""

import contextlib
import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TextIO

# C0, C1; format characters (bidi controls, zero-width, soft hyphen, tags, BOM); surrogates; line ends;
# private use, which any font may draw as anything.
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co"})
# Letters and marks that take no room: fillers and variation selectors can make two names look like one.
_INVISIBLE = frozenset(
    map(chr, [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810)])
) | frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1000  # decimal, as downloads and disks are sold
_ONE_DECIMAL_BELOW = 10
_FINGERPRINT_ENDS = 4


def escape(text: str) -> str:
    """Spell out what would be obeyed, or not seen, on a terminal: ESC becomes backslash, `x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character not in _INVISIBLE and unicodedata.category(character) not in _UNSHOWN:
        return character
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - what \x can hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what \u can hold


def size(count: int) -> str:
    """Say bytes for people: 0 bytes, 1.4 MB, 97 MB."""
    value, unit = float(count), 0
    while value >= _STEP - 0.5 and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    number = f"{value:.1f}" if unit and value < _ONE_DECIMAL_BELOW - 0.05 else f"{value:.0f}"
    return f"{number.removesuffix('.0')} {_UNITS[unit]}"


def date(seconds: int) -> str:
    """Give seconds since 1970 as a local date; a time that the calendar does not hold is `?`."""
    try:
        return time.strftime("%Y-%m-%d", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):
        return "?"


def moment(seconds: int) -> str:
    """Give seconds since 1970 as local date and time."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):
        return "?"


def short_fingerprint(fingerprint: str) -> str:
    """Cut a fingerprint to its ends: E24C…68BD."""
    text = escape(fingerprint)
    if len(text) <= 2 * _FINGERPRINT_ENDS:
        return text
    return f"{text[:_FINGERPRINT_ENDS]}…{text[-_FINGERPRINT_ENDS:]}"


def width(text: str) -> int:
    """How many columns a text takes: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(item) else 1 + (unicodedata.east_asian_width(item) in "WF")
        for item in text
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]], palette: "Palette") -> list[str]:
    """Lay out columns, two spaces apart; on a terminal too narrow for them each row below its first cell, and
    no header. One text a row. The cells are escaped here.
    """  # noqa: D205 - what both have in common stands last
    cells = [[escape(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(header, *cells, strict=True)]
    if 0 < palette.room < sum(widths) + 2 * (len(widths) - 1):
        return [_stacked(header, row, palette) for row in cells]
    lines = [
        "  ".join(cell + " " * (room - width(cell)) for cell, room in zip(row, widths, strict=True)).rstrip()
        for row in [list(header), *cells]
    ]
    return [palette.bold(lines[0]), *lines[1:]]


def _stacked(header: Sequence[str], row: Sequence[str], palette: "Palette") -> str:
    named = [f"  {name}: {cell}" for name, cell in zip(header[1:], row[1:], strict=True) if cell]
    return "\n".join([palette.bold(row[0]), *named])


def note(*lines: str, end: str = "\n", stream: TextIO | None = None) -> None:
    """Tell a person on standard error. Nobody can be told that it cannot be written to."""
    if lines:
        with contextlib.suppress(OSError):
            print(*lines, sep="\n", end=end, file=stream or sys.stderr, flush=True)


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


class Palette(NamedTuple):
    """Colours, or none: `enabled` is decided once for a stream. `room` is a terminal's columns, else 0."""

    enabled: bool
    room: int = 0

    @classmethod
    def of(cls, stream: TextIO, *, allowed: bool = True) -> "Palette":
        """Decide for a stream: colour needs a terminal that can, and nobody who said no."""
        wanted = allowed and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
        return cls(wanted and stream.isatty(), _columns(stream))

    def bold(self, text: str) -> str:
        """Stress a text of our own."""
        return self._sgr("1", text)

    def red(self, text: str) -> str:
        """Mark what is wrong."""
        return self._sgr("1;31", text)

    def _sgr(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled else text
