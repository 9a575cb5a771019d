# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Bytes that come in through a descriptor: counted, capped, and hashed as they come.

Guarantees: what a reader is given is what is hashed, in that order; nothing beyond the limit is given. Bytes
come in by pieces of 1 MiB, and each is hashed as a whole, beside whatever the reader does (hashing.py); what
was given stays as it is for as long as somebody holds it. Where its digest is known beforehand, zeros that
fill the last record of a tar are given too if a writer left them out. Leaves to others: what the bytes mean.
"""

import contextlib
import ctypes
import fcntl
import functools
import os
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from appctld.errors import DigestMismatch, LimitExceeded
from appctld.model.digest import Digest
from appctld.workers.protocol import Report
from appctld.workers.store.archive.hashing import Hashing

CHUNK = 1 << 20  # large enough that hashing and writing set the pace, small enough to hold a few
RECORD = 20 * 512  # as tar(1) fills its last one, and Python, libarchive; one writer cuts it off (ADR 31)

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_REPORT_SECONDS = 0.1  # about what a progress bar can show


class Stream:
    """One descriptor, read once from its start; a context manager that closes it."""

    def __init__(self, descriptor: int, limit: int, report: Report) -> None:
        _keep_pieces()
        _widen(descriptor)
        self._file = os.fdopen(descriptor, "rb")  # its buffer is small: a piece is read past it
        self._limit = limit
        self._report = report
        self._reported = float("-inf")  # the first piece is told of at once: silence may follow it
        self._hashing = Hashing()
        self._expected: Digest | None = None
        self._more: Callable[[], object] | None = None
        self._before = 0  # bytes that were given before the current piece
        self._piece = b""
        self._at = 0  # where the next byte to give lies in it
        self._end = 0  # where the piece ends, or the limit does

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hashing.close()
        self._file.close()

    def when_large(self, begin: Callable[[], object]) -> None:
        """Call this once a second piece comes, before anything goes on beside this thread."""
        self._more = begin

    def expect(self, digest: Digest) -> None:
        """Say what `check` is to find, and `rest`."""
        self._expected = digest

    def check(self) -> None:
        """Raise DigestMismatch if all that came in is not what is expected; as `digest`."""
        if self.digest != self._expected:
            raise DigestMismatch(
                f"the layer is {self.digest}, not {self._expected}", digest=str(self._expected)
            )

    @property
    def digest(self) -> Digest:
        """The digest of all that came in; the stream was read to its end before."""
        return Digest(self._hashing.hexdigest())

    @property
    def count(self) -> int:
        """How many bytes were given."""
        return self._before + self._at

    @property
    def left(self) -> int:
        """How many bytes may still come."""
        return self._limit - self._before - self._at

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end. Raises LimitExceeded beyond the limit, at once."""
        end = self._at + size
        if end > self._end:
            return self._across(size)
        data = self._piece[self._at : end]
        self._at = end
        return data

    def some(self, size: int) -> memoryview:
        """The next bytes without a copy: at most `size`, none only at the end. Raises LimitExceeded."""
        if self._at == self._end:
            self._advance()
        start, self._at = self._at, min(self._at + size, self._end)
        return memoryview(self._piece)[start : self._at]

    def rest(self) -> Iterator[memoryview]:
        """Whatever still comes; behind it zeros up to a whole record, if only with them it is as expected."""
        while data := self.some(CHUNK):
            yield data
        if zeros := self._left_out():
            self._hashing.update(zeros)
            self._before += len(zeros)
            yield memoryview(zeros)

    def drain(self) -> None:
        """Read, count and hash the `rest`."""
        for _ in self.rest():
            pass

    def _left_out(self) -> bytes:
        if self._expected is None:
            return b""
        zeros = left_out(self.count, self._expected, self._hashing.hexdigest)
        return zeros if len(zeros) <= self.left else b""

    def _across(self, size: int) -> bytes:
        """What lies in more than one piece, or ends with the stream."""
        found = []
        while size and (data := self.some(size)):
            found.append(data)
            size -= len(data)
        return b"".join(found)

    def _advance(self) -> None:
        """Go on to the next piece; at the end it is empty."""
        self._check_limit()
        self._before += self._at
        room = self._limit - self._before
        self._piece = self._file.read(min(CHUNK, room + 1))
        self._at, self._end = 0, min(len(self._piece), room)
        if self._more and self._before and self._piece:
            self._more()
            self._more = None
        self._hashing.update(self._piece)
        self._tell()
        if not room:
            self._check_limit()

    def _check_limit(self) -> None:
        """Refuse the byte beyond the limit, if it came."""
        if self._end < len(self._piece):
            raise LimitExceeded(f"more than {self._limit} bytes where no more may come", limit=self._limit)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._report({"bytes": self._before + self._end})


def left_out(count: int, expected: Digest, digest_with: Callable[[bytes], str]) -> bytes:
    """The zeros up to a whole record that a tar of `count` bytes lacks, if with them it is as expected."""
    zeros = bytes(-count % RECORD)
    return zeros if zeros and digest_with(zeros) == expected.hex else b""


@functools.cache
def _keep_pieces() -> None:
    """Let the allocator keep some pieces' memory, instead of a page fault for each 4 KiB of the next."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # glibc's
        mallopt(_M_MMAP_THRESHOLD, 4 * CHUNK)
        mallopt(_M_TRIM_THRESHOLD, 16 * CHUNK)


def _widen(descriptor: int) -> None:
    """Let a whole piece wait in the pipe, so that writer and reader wake each other less often."""
    with contextlib.suppress(OSError):  # no pipe, or this user's pipes have as many pages as they may
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, CHUNK)
