# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""podman's own storage in a directory of its own, for a user to whom nobody gave more user IDs than one.

    with rootless_podman() as podman:
        subprocess.run([*podman, "load", "-i", archive], check=True)

Images whose files all belong to root can be loaded and saved; nothing is run.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def rootless_podman() -> Iterator[list[str]]:
    """The beginning of a command line. Directly under /tmp: podman wants a path of at most 50 characters."""
    directory = tempfile.mkdtemp(prefix="podman-", dir="/tmp")
    ours = ["unshare", "--user", "--map-root-user", "--mount"]
    # podman would make a user namespace with the IDs that the system gives to this user
    here = [f"_CONTAINERS_ROOTLESS_UID={os.getuid()}", f"_CONTAINERS_ROOTLESS_GID={os.getgid()}"]
    places = [f"--{name}={directory}/{name}" for name in ("root", "runroot", "tmpdir")]
    others = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]
    podman = ["podman", *places, *others, "--runtime=/usr/bin/true"]
    try:
        yield [*ours, "env", "_CONTAINERS_USERNS_CONFIGURED=done", *here, *podman]
    finally:
        subprocess.run([*ours, "rm", "-rf", directory], check=False)
        shutil.rmtree(directory, ignore_errors=True)
