# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What libostree keeps of a transaction that was aborted: `tmp/staging-*`, for whoever begins the next one.

Guarantees: afterwards no object lies in a staging directory that nobody holds, so that what was refused is
not brought in by the next commit. The directories stay: another process may be about to take one over.
What cannot be emptied is left; why the transaction was aborted matters more. Leaves to others: what a crash
leaves (recover.py).
"""

import contextlib
import fcntl
import os
import struct

from appctld.workers.store import disk

_PREFIX, _LOCK = "staging-", "-lock"

# libostree locks through the open file description, or with BSD locks where the kernel is too old
_WHOLE_FILE = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def empty_staging(repository: int) -> None:
    """Remove the objects of aborted transactions, in the repository of this descriptor."""
    with disk.opened("tmp", repository) as temporary:
        for name in disk.entries(temporary):
            if name.startswith(_PREFIX) and not name.endswith(_LOCK):
                with contextlib.suppress(OSError):  # somebody's transaction is under way, or one was faster
                    _empty(name, temporary)


def _empty(name: str, temporary: int) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = os.open(name + _LOCK, flags, 0o600, dir_fd=temporary)
    try:
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, _WHOLE_FILE)
        with disk.opened(name, temporary) as directory:
            for shard in disk.entries(directory):
                disk.remove_tree(shard, directory)
        os.unlink(name + _LOCK, dir_fd=temporary)  # as libostree does, which looks again after it locked one
    finally:
        os.close(lock)
