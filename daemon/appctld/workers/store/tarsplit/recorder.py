# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a tar's reader reads, on the way to it: every byte that is no file's content is written down.

Guarantees: the records, in their order, make the stream again, byte for byte, what follows the end of the
archive too; memory is bounded. Leaves to others: what the bytes mean, and the form of the records (form.py).
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from appctld.errors import Failed
from appctld.workers.store.archive.tar import Source
from appctld.workers.store.tarsplit import form

_BATCH = 256 << 10  # bytes that are compressed at a time: some hundred entries
_BATCHES = 4  # that wait: so long checksums may take to be known before the reader waits for them

_Record = bytes | memoryview | tuple[int, int]  # the last: a content's number and its size


class Sink(Protocol):
    """Where records go: form.Sink."""

    def write(self, records: bytes) -> None:
        """Take whole records."""

    def finish(self) -> None:
        """Take it that there are no more."""


class Recorder:
    """A source between a stream and its reader, who says which content is which (`content`).

    `checksum` is asked for what a content's number stands for, and may wait for it.
    """

    def __init__(self, source: Source, sink: Sink, checksum: Callable[[int], bytes]) -> None:
        self._source = source
        self._sink = sink
        self._checksum = checksum
        self._literal: list[bytes | memoryview] = []
        self._held = 0  # bytes of them
        self._records: list[_Record] = []
        self._waiting = 0  # bytes of the tar among them
        self._batches: deque[list[_Record]] = deque()
        self._size = 0  # of the layer, as far as it is in the records

    @property
    def left(self) -> int:
        """How many bytes may still come."""
        return self._source.left

    def read(self, size: int) -> bytes:
        """Read what is a header, padding or the like, and write it down."""
        data = self._source.read(size)
        self._literal.append(data)
        self._held += len(data)
        if self._held >= _BATCH:
            self._close_literal()
        return data

    def some(self, size: int) -> memoryview:
        """Read what is a file's content, which `content` is told of once it has a number."""
        return self._source.some(size)

    def rest(self) -> Iterator[memoryview]:
        """Read what follows the end of the archive, and write it down."""
        for data in self._source.rest():
            self._literal.append(data)
            self._held += len(data)
            self._close_literal()
            yield data

    def content(self, number: int, size: int) -> None:
        """What came last was the content of this number."""
        if size:
            self._close_literal()
            self._records.append((number, size))
            self._size += size

    def finish(self, size: int) -> None:
        """The stream ended, after `size` bytes; raises Failed where not all of them were written down."""
        self._close_literal()
        if self._size != size:
            raise Failed(f"of a layer of {size} bytes {self._size} were written down")
        self._records.append(form.end(size))
        self._flush(0)
        self._sink.finish()

    def _close_literal(self) -> None:
        if self._held:
            self._records.append(form.literal(self._held))
            self._records += self._literal
            self._size += self._held
            self._waiting += self._held
            self._literal, self._held = [], 0
        if self._waiting >= _BATCH:
            self._flush(_BATCHES)

    def _flush(self, left: int) -> None:
        """Close a batch, and write batches down until so many are left."""
        self._batches.append(self._records)
        self._records, self._waiting = [], 0
        while len(self._batches) > left:
            self._sink.write(b"".join(map(self._bytes, self._batches.popleft())))

    def _bytes(self, record: _Record) -> bytes | memoryview:
        return form.content(self._checksum(record[0]), record[1]) if isinstance(record, tuple) else record
