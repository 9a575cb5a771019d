# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a session gives its programs beyond their user's own rights, and bubblewrap does not start with.

A session of logind with a seat gives CAP_WAKE_ALARM to all its programs (pam_systemd(8),
default-capability-ambient-set=, systemd 254 and later). Guarantees: what is started from here has none.
"""

import re
from pathlib import Path

_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4  # linux/prctl.h


def drop_ambient() -> None:
    """Let programs that are started from now on have no capability that comes with the session."""
    found = re.search(r"^CapAmb:\s*([0-9a-f]+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None or int(found[1], 16):
        import ctypes  # noqa: PLC0415 - its import maps executable memory, which the system scope's unit forbids

        ctypes.CDLL(None, use_errno=True).prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
