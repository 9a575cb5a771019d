# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Small programs of the distribution, run as the caller; in a sandbox where they read what strangers wrote.

Guarantees: such a program sees /usr and its standard input, and nothing else; what does not end is ended.
"""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from appctl.running.mounts.sources import APART, ENVIRONMENT, ISOLATED, bubblewrap

SECONDS = 10.0  # for one small program, on a busy machine
_VIEW = ("--ro-bind", "/usr", "/usr", "--tmpfs", "/tmp", "--dev", "/dev", "--proc", "/proc")  # noqa: S108 - inside
_TOP_LEVEL = ("/bin", "/lib", "/lib32", "/lib64", "/libx32")


def sandboxed(command: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program in a sandbox. Raises Failure without bubblewrap; OSError where it does not end."""
    environment = [part for name, value in ENVIRONMENT.items() for part in ("--setenv", name, value)]
    return ran([bubblewrap(), *APART, *ISOLATED, *_VIEW, *_top_level(), *environment, "--", *command], stdin)


def ran(argv: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program as it is. Raises OSError."""
    try:
        return subprocess.run(
            argv, env=ENVIRONMENT, input=stdin, capture_output=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{argv[0]} does not end") from error


def _top_level() -> Iterator[str]:
    """Yield arguments for what programs need beside /usr: links into it, or older layouts' directories."""
    for path in map(Path, _TOP_LEVEL):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        else:
            yield from ("--ro-bind-try", str(path), str(path))
