# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether somebody runs a deployment: a running app holds a shared lock on its run.json."""

import fcntl
import os
from pathlib import Path


def is_running(deployment: Path) -> bool:
    """Try the lock, and give it back at once. A deployment whose run.json is gone runs nowhere."""
    try:
        descriptor = os.open(deployment / "run.json", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
