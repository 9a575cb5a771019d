# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The user-scope daemon where there is no network, not even loopback: a network namespace of its own.

python -m support.machines.offline
"""

import os
import sys

UNSHARE = ["unshare", "--user", "--map-current-user", "--net"]

if __name__ == "__main__":
    os.execvp(UNSHARE[0], [*UNSHARE, sys.executable, "-m", "appctld", "--user"])  # noqa: S606 - no shell is the point
