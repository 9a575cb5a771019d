# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What somebody gave us as a bundle: a file is read where it lies, what comes through a pipe is kept.

Guarantees: no more than a named limit, and never the last of the disk; a writer that stops is given up.
"""

import fcntl
import os
import select
import stat
import time

from appctld.errors import InvalidReference, LimitExceeded, NoSpace
from appctld.model.jsonvalue import JsonObject
from appctld.workers.protocol import Report, descriptor, handed

SPOOL_BYTES = 64 << 30  # as for the largest blob: one image, compressed
RESERVE_PERCENT = 3  # of the file system stays free, as for all that is downloaded
CHUNK_BYTES = 1 << 20  # the largest pipe that a user can have; between two of them the disk is looked at
STALL_SECONDS = 60.0  # without a byte; the writer reads from a disk
REPORT_SECONDS = 0.1


def spool(request: JsonObject, report: Report) -> JsonObject:
    """Copy `bundle` to `out` if it is a pipe; -> {"spooled": whether it was, "size": its bytes}.

    Raises InvalidReference (neither a file nor a pipe that can be read), LimitExceeded, NoSpace.
    """
    source, sink = handed(request, "bundle"), descriptor(request, "out")
    try:
        mode = os.fstat(source).st_mode
        if not _is_readable(source) or not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise InvalidReference("a bundle is a file or a pipe that can be read")
        if stat.S_ISREG(mode):
            return {"spooled": False, "size": os.fstat(source).st_size}
        return {"spooled": True, "size": _copy(source, sink, report)}
    finally:
        os.close(source)
        os.close(sink)


def _is_readable(source: int) -> bool:
    flags = fcntl.fcntl(source, fcntl.F_GETFL)
    return flags & os.O_ACCMODE != os.O_WRONLY and not flags & os.O_PATH


def _copy(source: int, sink: int, report: Report) -> int:
    done, reported = 0, 0.0
    while chunk := _some(source):
        done += len(chunk)
        if done > SPOOL_BYTES:
            raise LimitExceeded(f"a bundle of more than {SPOOL_BYTES} bytes", limit=SPOOL_BYTES)
        _check_room(sink)
        _write(sink, chunk)
        if time.monotonic() - reported >= REPORT_SECONDS:
            reported = time.monotonic()
            report({"bytes": done})
    return done


def _some(source: int) -> bytes:
    """What came; nothing at the end. Raises LimitExceeded where nobody writes any more, and does not end."""
    while True:
        waiting = select.poll()
        waiting.register(source, select.POLLIN)
        if not waiting.poll(STALL_SECONDS * 1000):
            raise LimitExceeded(
                f"who writes the bundle wrote nothing for {STALL_SECONDS:g} s", seconds=STALL_SECONDS
            )
        try:
            return os.read(source, CHUNK_BYTES)
        except BlockingIOError:
            continue  # somebody else has a hand in the pipe, and was faster


def _check_room(sink: int) -> None:
    room = os.fstatvfs(sink)
    if room.f_bavail * 100 < room.f_blocks * RESERVE_PERCENT:
        raise NoSpace(f"less than {RESERVE_PERCENT} % of the disk is free")


def _write(sink: int, data: bytes) -> None:
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(sink, left) :]
    except OSError as error:
        raise NoSpace(f"the bundle cannot be kept: {error.strerror}") from error
