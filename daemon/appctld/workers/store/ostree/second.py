# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The second process of a large import: it hashes and writes the contents that the first one read.

Guarantees: it does what writer.py does, by the same code, into the same staging directory, and has no other
work: it never touches libostree or what is published. It ends with the first process, or with the first
failure, which it reports. Leaves to others: reading, what is a file (contents.py starts it and hears it), and
when objects get their places (`Writer.settle`, in the first process). Why there is one: docs/adr/0023.

The two share SLOTS pieces of memory, used in turn, and a socket that keeps messages apart. A message to the
second says what the next slot holds, in records of eight bytes: a number of bytes, and in the lowest bits a
Mark. It answers each with STORED and the checksums of the contents that ended in the slot, in their order.
Once nothing more can come it says DONE and how many objects it wrote; or FAILED and an error, at any time.
"""

import json
import socket
import struct
import traceback
from array import array
from collections.abc import Iterator, Sequence
from enum import IntEnum

from appctld.errors import AppctlError, Failed
from appctld.workers.store.ostree.objects import Stored, parse_head, stored
from appctld.workers.store.ostree.writer import SMALL_FILE, Writer

SLOTS = 4  # so far the first process may be ahead
SLOT_BYTES = SMALL_FILE + (128 << 10)  # a small file whole, with its attributes
RECORDS = 256  # of one message, which so stays far below what a socket takes at once
MESSAGE_BYTES = 64 << 10  # the longest answer has RECORDS checksums, or one error

STORED, DONE, FAILED = b"S", b"D", b"F"
COUNT = struct.Struct(">Q")

_WORDS = "Q"
_BITS = 2


class Mark(IntEnum):
    """What a record's bytes are. Of LARGE there are none yet: they come as parts."""

    HEAD = 0  # user.ostreemeta of what follows in this slot
    WHOLE = 1
    LARGE = 2
    PART = 3


def record(mark: Mark, size: int) -> int:
    """A record, as a number."""
    return size << _BITS | mark


def message(records: Sequence[int]) -> bytes:
    """What is sent of a slot."""
    return array(_WORDS, records).tobytes()


def serve(connection: socket.socket, slots: Sequence[memoryview], writer: Writer) -> None:
    """Store what comes until the other end says that it was all, or fail."""
    try:
        _Second(connection, slots, writer).run()
        answer = DONE + COUNT.pack(writer.written)
    except AppctlError as error:
        answer = FAILED + json.dumps(error.to_wire(), default=str).encode()
    except Exception as error:  # noqa: BLE001 - a bug, too, must reach the first process
        traceback.print_exc()
        lost = Failed(f"the process that writes objects failed ({type(error).__name__})")
        answer = FAILED + json.dumps(lost.to_wire()).encode()
    connection.send(answer)
    while connection.recv(1):  # a socket that is closed with something unread in it loses the answer
        pass


class _Second:
    """What came, one record after the other, whatever slot it lies in."""

    def __init__(self, connection: socket.socket, slots: Sequence[memoryview], writer: Writer) -> None:
        self._connection = connection
        self._slots = slots
        self._writer = writer
        self._checksums = bytearray()  # that were not answered with yet

    def run(self) -> None:
        """Store everything."""
        form: Stored | None = None
        records = self._records()
        for mark, size, data in records:
            if mark is Mark.HEAD:
                form = stored(parse_head(bytes(data)))
            elif form is None or mark is Mark.PART:
                raise Failed("a content without attributes, or a part of none")
            elif mark is Mark.WHOLE:
                self._checksums += bytes.fromhex(self._writer.small(form, data))
            else:
                self._checksums += bytes.fromhex(self._writer.large(form, size, _parts(records, size)))

    def _records(self) -> Iterator[tuple[Mark, int, memoryview]]:
        turn = 0
        while came := self._connection.recv(MESSAGE_BYTES):
            slot, at = self._slots[turn % SLOTS], 0
            turn += 1
            for word in array(_WORDS, came):
                mark, size = _MARKS[word & _LOWEST], word >> _BITS
                end = at if mark is Mark.LARGE else at + size
                yield mark, size, slot[at:end]
                at = end
            self._connection.send(STORED + self._checksums)
            self._checksums.clear()


_LOWEST = (1 << _BITS) - 1
_MARKS = tuple(Mark)


def _parts(records: Iterator[tuple[Mark, int, memoryview]], size: int) -> Iterator[memoryview]:
    """The content of a large file; Failed where something else comes."""
    while size:
        mark, length, data = next(records, (None, 0, memoryview(b"")))
        if mark is not Mark.PART:
            raise Failed("a file of which parts are missing")
        size -= length
        yield data
