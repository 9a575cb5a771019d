# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a pull may use of this machine, watched while libostree works.

Guarantees: the directory, with the files that libostree has open and unnamed, holds about as much as it may
(it is measured again and again, at the end exactly) and no file of it more; the reserve of free space stays;
a server that drips or sends without end is given up. The deadline of the whole is the parent's.
"""

import contextlib
import os
import resource
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from appctld.errors import AppctlError, LimitExceeded, NoSpace
from appctld.model.jsonvalue import JsonObject
from appctld.workers.net.pace import Pace

MEMORY_BYTES = 1 << 30  # a binary delta is applied in memory, to files of up to 128 MiB
FILES = 500_000  # a whole operating system has about 100,000
OVERHEAD_BYTES = 64 << 20  # what comes beside the objects: summary, indexes of deltas, headers, TLS
RESERVE_PERCENT = 3  # of the file system stays free: libostree's default of min-free-space-percent
TICK_SECONDS = 0.1  # the bus samples progress at 5 Hz
_SHARE = 4  # measuring a large repository takes at most a fifth of the time


def bound_memory() -> None:
    """Bound what this process may allocate: libostree then ends it, whatever a delta says."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


@contextlib.contextmanager
def bounded_files(directory: Path, limit: int) -> Iterator[None]:
    """No file grows beyond `limit` bytes, and temporary files of libraries lie where they are counted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = os.environ.get("TMPDIR")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit if hard < 0 else min(limit, hard), hard))
    os.environ["TMPDIR"] = str(directory)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        os.environ.pop("TMPDIR")
        if before is not None:
            os.environ["TMPDIR"] = before


class Watch:
    """`with Watch(…):` around a pull, in a thread of its own; calls `stop` once, with `failure` set.

    `received` counts the bytes that came from `host`; with no host, there is no pace to keep. Whoever leaves
    the block without an exception has kept every bound.
    """

    def __init__(
        self,
        directory: Path,
        limit: int,
        *,
        host: str | None,
        received: Callable[[], int],
        stop: Callable[[], None],
        report: Callable[[JsonObject], None],
    ) -> None:
        self.failure: AppctlError | None = None
        self.stored = 0
        self._directory = directory
        self._limit = limit
        self._pace = Pace(host) if host else None
        self._received = received
        self._stop = stop
        self._report = report
        self._older = frozenset(_unnamed())  # what was open before is none of the pull's
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if kind is None:
            if self.failure is not None:
                raise self.failure
            self._measure()

    def _run(self) -> None:
        pause, came, clock = 0.0, 0, _waited()
        try:
            while not self._over.wait(max(pause, TICK_SECONDS)):
                began = time.monotonic()
                self._measure()
                so_far, now = self._received(), _waited()
                if self._pace is not None:
                    self._pace.note(so_far - came, max(0.0, now - clock))
                came, clock = so_far, now
                self._report({"bytes": self._count(so_far)})
                pause = _SHARE * (time.monotonic() - began)
        except AppctlError as error:
            self.failure = error
            self._stop()

    def _count(self, received: int) -> int:
        return received if self._pace is not None else self.stored

    def _measure(self) -> None:
        """Compare with the bounds. Raises LimitExceeded, NoSpace."""
        unnamed = [size for file, size in _unnamed().items() if file not in self._older]
        sizes = [*_named(self._directory), *unnamed]
        self.stored = sum(sizes)
        if self.stored > self._limit:
            raise LimitExceeded(f"more than the {self._limit} bytes that it may have", limit=self._limit)
        if len(sizes) > FILES:
            raise LimitExceeded(f"more than {FILES} files", limit=FILES)
        if self._received() > self._limit + OVERHEAD_BYTES:
            raise LimitExceeded(f"the server sends more than {self._limit} bytes", limit=self._limit)
        room = os.statvfs(self._directory)
        if room.f_bavail * 100 < room.f_blocks * RESERVE_PERCENT:
            raise NoSpace(f"less than {RESERVE_PERCENT} % of the disk is free")


def _waited() -> float:
    """A clock that stands while this process computes: large deltas take their time."""
    return time.monotonic() - time.process_time()


def _named(directory: Path) -> Iterator[int]:
    """The sizes of what lies below a directory, while it changes."""
    try:
        with os.scandir(directory) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    yield from _named(Path(entry.path))
                else:
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return


def _unnamed() -> dict[tuple[int, int], int]:
    """Our open files without a name, (device, inode) and size: downloads, parts of deltas being unpacked."""
    found: dict[tuple[int, int], int] = {}
    for number in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            status = number.stat()
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                found[status.st_dev, status.st_ino] = status.st_size
    return found
