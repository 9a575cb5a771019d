# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The user-scope daemon on a small disk: a tmpfs of its own, in which its state as it is lies again.

python -m support.machines.small SIZE

In a mount namespace, so that nobody else sees that disk, but below /proc/PID/root; it goes with the daemon.
"""

import os
import sys
from pathlib import Path

SMALL = """
mount -t tmpfs -o size=$1 none "$2" && cp -a "$3/." "$2" && mount --bind "$2" "$3" || exit
shift 3; exec "$@"
"""
ROOT = ("unshare", "--user", "--map-root-user", "--mount")  # who may mount
SELF = (
    "unshare",
    "--user",
    f"--map-user={os.getuid()}",
    f"--map-group={os.getgid()}",
)  # as whom it is called

if __name__ == "__main__":
    state = Path(os.environ["XDG_DATA_HOME"]) / "appctl"
    place = state.with_name("small")
    place.mkdir(exist_ok=True)
    daemon = (sys.executable, "-m", "appctld", "--user")
    shell = ("sh", "-c", SMALL, "sh", sys.argv[1], str(place), str(state))
    os.execvp(ROOT[0], [*ROOT, *shell, *SELF, *daemon])  # noqa: S606 - this shell is the test's own
