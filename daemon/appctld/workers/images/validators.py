# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The validators of the desktop's own specifications, large C programs, shut in with the one file.

Guarantees: they see the file, this machine's /usr and no network, for a bounded time. Leaves to others: what
it means that one is not there.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

DESKTOP = ("desktop-file-validate",)
METAINFO = ("appstreamcli", "validate", "--no-net", "--no-color")
SECONDS = 30  # a validator takes under one; they read a file of some MiB at most
SHUT_IN = (
    "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
    "--setenv", "PATH", "/usr/bin:/bin", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
    "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev",
    "--tmpfs", "/tmp",  # noqa: S108 - the sandbox's own
)  # fmt: skip
_SAID = 300  # characters of what a validator says


def missing(command: Sequence[str]) -> str:
    """Which program is not here that it takes to ask a validator; empty if all are."""
    return next((name for name in (SHUT_IN[0], command[0]) if shutil.which(name) is None), "")


def ask(command: Sequence[str], name: str, data: bytes) -> str | None:
    """What a validator has against a file: empty for nothing, None where it did not come to look."""
    with tempfile.TemporaryDirectory(prefix="appctl-validate-") as directory:
        Path(directory, name).write_bytes(data)
        argv = [*SHUT_IN, "--ro-bind", directory, "/file", *command, f"/file/{name}"]
        try:
            done = subprocess.run(argv, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
    if done.returncode == 0:
        return ""
    text = " ".join((done.stdout + done.stderr).decode("utf-8", "replace").replace("/file/", "").split())
    return None if text.startswith("bwrap:") else (text[:_SAID] or f"{command[0]} says no")
