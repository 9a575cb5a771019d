# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Guards that the syntax tree does not tell: a set that is subtracted, an option of a command line.

Guarantees: each entry still stands in its file exactly once; one that does not is an error, so that the list
keeps up with the code.
"""

from guards.guard import Guard, shown

# File, the text that holds the guard (once in the file), what stands there without it
BY_HAND = (
    ("trust/verdict.py", "wanted - remote.deny_keys", "wanted"),
    ("trust/gpgv.py", '"--cpu=2", ', ""),
    ("trust/gpgv.py", 'f"--fsize={PAYLOAD_BYTES}", ', ""),
)


def by_hand(file: str, source: bytes) -> list[Guard]:
    """This file's entries."""
    return [_guard(file, source, old.encode(), new.encode()) for at, old, new in BY_HAND if at == file]


def _guard(file: str, source: bytes, old: bytes, new: bytes) -> Guard:
    if source.count(old) != 1:
        raise LookupError(f"guards/by_hand.py: {old.decode()!r} does not stand once in {file}")
    start = source.index(old)
    first = source.count(b"\n", 0, start) + 1
    lines = range(first, first + old.count(b"\n") + 1)
    return Guard(file, "by hand", shown(old.decode()), start, start + len(old), new, lines)
