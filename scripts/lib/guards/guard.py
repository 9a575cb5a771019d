# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One guard as a value: where it stands, and what stands there once it is removed.

Guarantees: a guard's name is made of its file, its function and its own text, so it stays the same while code
around it changes, and another guard never inherits it. Leaves to others: finding guards.
"""

from dataclasses import dataclass

NAME_LENGTH = 90  # characters of a guard's text in its name: a long condition is told from others by then


@dataclass(frozen=True, slots=True)
class Guard:
    """`place` is a function's qualified name; bytes `start` to `end` of the file become `instead`.

    `lines` are those of the statement around it: what runs one of them may notice.
    """

    file: str
    place: str
    text: str
    start: int
    end: int
    instead: bytes
    lines: range
    number: int = 1

    @property
    def name(self) -> str:
        """`FILE:FUNCTION:TEXT`, and `#N` for the Nth of the same text in one function."""
        name = f"{self.file}:{self.place}:{self.text}"
        return name if self.number == 1 else f"{name} #{self.number}"

    def removed_from(self, source: bytes) -> bytes:
        """The file's bytes without it."""
        return source[: self.start] + self.instead + source[self.end :]


def shown(text: str) -> str:
    """A piece of code on one line."""
    one = " ".join(text.split()).replace("( ", "(").replace(" )", ")")
    return one if len(one) <= NAME_LENGTH else one[: NAME_LENGTH - 1] + "…"
