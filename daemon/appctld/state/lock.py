# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One daemon a state directory. Workers inherit the descriptor, so a new daemon waits for orphans too."""

import errno
import fcntl
import os
import time

from appctld.errors import Busy
from appctld.state.paths import Paths

WAIT = 10.0  # seconds: an orphan is killed by its parent's death, and needs as long as its last system call

_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW


def take_lock(paths: Paths) -> int:
    """The descriptor that holds the state directory's lock. Raises Busy when another daemon keeps it."""
    descriptor = _opened(paths)
    end = time.monotonic() + WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > end:
                os.close(descriptor)
                raise Busy(f"another daemon works on {paths.root}") from None
            time.sleep(0.05)
        else:
            return descriptor


def _opened(paths: Paths) -> int:
    """The lock's file, which on a disk that became read-only is there already."""
    try:
        return os.open(paths.lock, os.O_RDWR | os.O_CREAT | _SAFELY, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    return os.open(paths.lock, os.O_RDONLY | _SAFELY)
