# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Bytes that come in through a descriptor: counted, capped, and hashed while they are read.

Guarantees: what a reader was given is what was hashed, in that order; no more than the limit is ever read on.
Leaves to others: what the bytes mean.
"""

import hashlib
import os
import time
from types import TracebackType
from typing import Self

from appctld.errors import LimitExceeded
from appctld.model.digest import Digest
from appctld.workers.protocol import Report

CHUNK = 1 << 20  # large enough that hashing and writing set the pace, small enough to hold

_REPORT_SECONDS = 0.1  # about what a progress bar can show


class Stream:
    """One descriptor, read once from its start; a context manager that closes it."""

    def __init__(self, descriptor: int, limit: int, report: Report) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=CHUNK)
        self._limit = limit
        self._report = report
        self._reported = time.monotonic()
        self._hash = hashlib.sha256()
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def digest(self) -> Digest:
        """The digest of all that was read so far."""
        return Digest(self._hash.hexdigest())

    @property
    def left(self) -> int:
        """How many bytes may still come."""
        return self._limit - self.count

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end. Raises LimitExceeded beyond the limit, at once."""
        data = self._file.read(min(size, self._limit - self.count + 1))
        self.count += len(data)
        if self.count > self._limit:
            raise LimitExceeded(f"more than {self._limit} bytes where no more may come", limit=self._limit)
        self._hash.update(data)
        self._tell()
        return data

    def drain(self) -> None:
        """Read, count and hash whatever still comes."""
        while self.read(CHUNK):
            pass

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._report({"bytes": self.count})
