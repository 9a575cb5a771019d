# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How large a drawing is by itself: programs that ask for no size get so many pixels.

Guarantees: it is known from the root alone, and bounded, in whatever unit it stands there, and where it
follows from the viewBox. A side in a unit that depends on others (`em`, `%`) is none.
"""

import re

from appctld.workers.store.exports.exporter import Refused

SIDE = 4096  # pixels; what shows it at that size needs 64 MiB
_NUMBER = r"(?:[0-9]{1,7}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})"
_LENGTH = re.compile(rf"({_NUMBER})(px|pt|pc|mm|cm|in)?")
_RELATIVE = re.compile(rf"{_NUMBER}(?:em|ex|%)")
_PIXELS = {None: 1, "px": 1, "pt": 96 / 72, "pc": 16, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96}  # CSS's
_BOX = re.compile(rf"\s*[+-]?{_NUMBER}[\s,]+[+-]?{_NUMBER}[\s,]+({_NUMBER})[\s,]+({_NUMBER})\s*")


def is_relative(side: str) -> bool:
    """Whether a side says nothing by itself."""
    return _RELATIVE.fullmatch(side) is not None


def check_size(width: str | None, height: str | None, box: str) -> None:
    """Refused for a drawing with these attributes that is too large, or whose size is not known."""
    across, down = _pixels(width), _pixels(height)
    if across is None or down is None:
        columns, rows = _box(box)
        if across is None:
            across = columns if down is None else down * columns / rows
        if down is None:
            down = rows if width is None else across * rows / columns
    if max(across, down) > SIDE:
        raise Refused(f"it is {across:.0f}x{down:.0f} pixels large, where a side has at most {SIDE}")


def _pixels(side: str | None) -> float | None:
    if side is None:
        return None
    found = _LENGTH.fullmatch(side)
    if found is None:
        raise Refused(f"a side of {side[:40]}, which is no length")
    return float(found[1]) * _PIXELS[found[2]]


def _box(text: str) -> tuple[float, float]:
    found = _BOX.fullmatch(text)
    columns, rows = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    if not (columns and rows):
        raise Refused("its width, height and viewBox do not say how large it is")
    return columns, rows
