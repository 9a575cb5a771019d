# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Guards that the syntax tree does not tell, such as an option of a command line.

Guarantees: each entry stands somewhere in the code, exactly once; one that does not is an error, so that the
list keeps up with the code.
"""

from collections.abc import Mapping

from guards.guard import Guard, shown

# The text that holds the guard, and what stands there without it
BY_HAND = (
    ('"--cpu=2", ', ""),
    ('f"--fsize={PAYLOAD_BYTES}", ', ""),
)


def by_hand(sources: Mapping[str, bytes]) -> list[Guard]:
    """Every entry, wherever it stands."""
    return [_guard(sources, old.encode(), new.encode()) for old, new in BY_HAND]


def _guard(sources: Mapping[str, bytes], old: bytes, new: bytes) -> Guard:
    found = [file for file, source in sources.items() for _ in range(source.count(old))]
    if len(found) != 1:
        raise LookupError(f"guards/by_hand.py: {old.decode()!r} stands in {found or 'no file'}")
    source = sources[found[0]]
    start = source.index(old)
    first = source.count(b"\n", 0, start) + 1
    lines = range(first, first + old.count(b"\n") + 1)
    return Guard(found[0], "by hand", shown(old.decode()), start, start + len(old), new, lines)
