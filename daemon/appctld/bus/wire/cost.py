# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the library would take to read a message, told from its bytes before it does.

Both libraries make an object of every value, of each number in an array too, and a tree of every signature: a
message of 96 KiB can be work for seconds, before anybody is asked whether its sender may do anything. Only
texts and byte arrays (`ay`) are read at once, whatever their length. Guarantees: what is let through takes
some milliseconds, and all that the XML describes is let through. That a message is one at all is the bus's
business; whatever does not fit what is looked for here is not let through.
"""

import struct
from functools import lru_cache

SHORT_BYTES = 96 << 10  # of any values; a job's references and options have 72 KiB (objects/asked.py)
SIGNATURE_BYTES = 4 << 10  # of all variants and header fields together; an option's has 5 at most
VALUES = 4096  # texts, numbers, structs, arrays, entries, variants, and `ay` as one; a call has some hundred
ITEMS = 256  # settings of a remote, or keys in one of them: it has some 40, and 32 signers at most

_FIELDS = 12  # where the header's fields begin (D-Bus specification, "Message Format")
_SIGNATURE = 8  # the code of the field that has the body's signature
_NUMBERS = {b"b": 4, b"i": 4, b"u": 4, b"x": 8, b"t": 8}
_SIZES = {"y": 1, "n": 2, "q": 2, "b": 4, "i": 4, "u": 4, "h": 4, "x": 8, "t": 8, "d": 8}
_WIDE = "xtd({"  # what is aligned to 8 bytes, whatever precedes it


def is_affordable(raw: bytes, header: int) -> bool:
    """Whether a whole message whose body begins at `header` is to be read."""
    if len(raw) - header > SHORT_BYTES and not _few_values(raw, header):
        return False
    return _takes_little(raw, header)


def _takes_little(raw: bytes, header: int) -> bool:
    """Whether it has no more than VALUES and SIGNATURE_BYTES.

    A value may be a byte, and of structs in structs 31 are in eight.
    """
    try:
        _Walk(raw).count(header)
    except (struct.error, LookupError, ValueError, RecursionError):
        return False
    return True


def _few_values(raw: bytes, header: int) -> bool:
    """Whether it is a remote's name and settings (`sa{sv}`), and long because of texts and keys alone."""
    try:
        walk = _Walk(raw)
        return walk.signature() == b"sa{sv}" and walk.others(header) <= SHORT_BYTES
    except (struct.error, IndexError, ValueError):
        return False


@lru_cache(1024)
def _end(types: str, at: int) -> int:
    """Where the complete type ends that begins there. IndexError: it does not end."""
    depth = 0
    while True:
        depth += (types[at] in "({") - (types[at] in ")}")
        at += 1
        if depth == 0 and types[at - 1] != "a":
            return at


class _Walk:
    """A way through a message, over byte arrays and texts without looking at them."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._length = struct.Struct("<I" if raw[0] == ord("l") else ">I")
        self._at = 0
        self._left = VALUES
        self._types_left = SIGNATURE_BYTES

    def count(self, header: int) -> None:
        """Go over the whole body. ValueError: it has more than is read, or what no body has."""
        types, self._at, at = self.signature().decode("ascii"), header, 0
        while at < len(types):
            at = self._step(types, at)

    def _step(self, types: str, at: int) -> int:
        """Go over one value; where in `types` the next one's type begins."""
        self._take(1)
        kind = types[at]
        if kind == "a":
            self._elements(types, at + 1)
            return _end(types, at)
        if kind in "({":
            return self._members(types, at + 1)
        if kind == "v":
            self._step(self._signature().decode("ascii"), 0)
        elif kind == "g":
            self._signature()
        elif kind in "so":
            self._skip(1)
        else:
            self._align(_SIZES[kind])
            self._at += _SIZES[kind]
        return at + 1

    def _take(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise ValueError("too many values")

    def _members(self, types: str, at: int) -> int:
        self._align(8)
        while types[at] not in ")}":
            at = self._step(types, at)
        return at + 1

    def _elements(self, types: str, at: int) -> None:
        """Go over an array. Numbers count without being looked at; bytes are read at once, and do not."""
        length, kind = self._number(), types[at]
        if kind in _WIDE:
            self._align(8)
        if kind in _SIZES and kind != "y":
            self._take(length // _SIZES[kind])
        end = self._at + length
        if kind in _SIZES:
            self._at = end
        while self._at < end:
            self._step(types, at)
        if self._at != end:  # the library would go on there, and read what was not counted
            raise ValueError("an array ends within a value")

    def signature(self) -> bytes:
        """What the header says of the body. ValueError: it says something that no header says."""
        self._at = _FIELDS
        found, end = b"", self._array()
        while self._at < end:
            self._align(8)
            code = self._raw[self._at]
            self._at += 1
            kind = self._signature()
            if kind == b"g":
                value = self._signature()
                found = value if code == _SIGNATURE else found
            elif kind in {b"s", b"o", b"u"}:
                self._value(kind)
            else:
                raise ValueError("no field has this type")
        return found

    def others(self, header: int) -> int:
        """How many bytes of `sa{sv}` are neither texts nor byte arrays. ValueError: not a setting's type."""
        self._at = header
        self._value(b"s")
        others, end = 0, self._array()
        for _ in range(ITEMS):
            if self._at >= end:
                return others
            self._align(8)
            self._value(b"s")
            others += self._value(self._signature())
        raise ValueError("too many settings")

    def _value(self, kind: bytes) -> int:
        """Go over one; how many bytes it has of other values than texts and byte arrays."""
        if kind in {b"ay", b"s", b"o"}:
            self._skip(kind != b"ay")
        elif kind == b"aay":
            self._parts()
        elif kind == b"as":
            return self._skip(0)
        elif kind in _NUMBERS:
            self._align(_NUMBERS[kind])
            self._at += _NUMBERS[kind]
        else:
            raise ValueError("no setting has this type")
        return 0

    def _parts(self) -> None:
        end = self._array()
        for _ in range(ITEMS):
            if self._at >= end:
                return
            self._skip(0)
        raise ValueError("too many parts")

    def _signature(self) -> bytes:
        start = self._at + 1
        found = self._raw[start : start + self._raw[self._at]]
        self._at = start + len(found) + 1
        self._types_left -= len(found)
        if self._types_left < 0:
            raise ValueError("too many signatures")
        return found

    def _array(self) -> int:
        """Where the array ends that begins here."""
        return self._number() + self._at

    def _skip(self, terminator: int) -> int:
        length = self._number() + terminator
        self._at += length
        return length

    def _number(self) -> int:
        self._align(4)
        (number,) = self._length.unpack_from(self._raw, self._at)
        self._at += 4
        return int(number)

    def _align(self, to: int) -> None:
        self._at += -self._at % to
