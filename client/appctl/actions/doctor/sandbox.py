# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The sandbox: bubblewrap is here, new enough, and starts as appctl starts it; system calls can be filtered.

`sandboxed` runs a small program of the distribution in such a sandbox, for checks that read what strangers
wrote.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem
from appctl.context import Context
from appctl.running.mounts.sources import APART, ENVIRONMENT, ISOLATED
from appctl.running.mounts.sources import bubblewrap as program
from appctl.running.syscalls import filter_descriptor

LEAST = (0, 8)  # the first with --disable-userns
SECONDS = 10.0  # for one small program, on a busy machine
_VIEW = ("--ro-bind", "/usr", "/usr", "--tmpfs", "/tmp", "--dev", "/dev", "--proc", "/proc")  # noqa: S108 - inside
_TOP_LEVEL = ("/bin", "/lib", "/lib32", "/lib64", "/libx32")
# What forbids namespaces to users: the file, the value that does, and how to see it changed.
_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "an AppArmor profile for bwrap that allows userns"),
    ("user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
)


def bubblewrap(_context: Context) -> Iterator[Finding]:
    """Whether a sandbox starts: what is tried is what running an app begins with. Raises Failure."""
    told = _run([program(), "--version"], b"").stdout.decode(errors="replace")
    version = told.split()[-1] if told.split() else "?"
    if _numbers(version) < LEAST:
        yield problem("bubblewrap", f"bubblewrap is {version}, 0.8 is needed", "apt install bubblewrap")
        return
    yield ok("bubblewrap", f"bubblewrap {version}")
    tried = sandboxed(["true"])
    if tried.returncode == 0:
        yield ok("user-namespaces", "a sandbox starts")
    else:
        said = tried.stderr.decode(errors="replace").strip().splitlines() or ["bwrap failed"]
        yield problem("user-namespaces", f"no sandbox starts: {said[-1]}", _remedy())


def seccomp(_context: Context) -> Iterator[Finding]:
    """Whether the filter of running apps can be made. Raises Failure."""
    os.close(filter_descriptor())
    yield ok("seccomp", "system calls of apps can be filtered")


def sandboxed(command: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program of the distribution that sees /usr and its standard input, and nothing else.

    Raises Failure where there is no bubblewrap; OSError where it does not end.
    """
    environment = [part for name, value in ENVIRONMENT.items() for part in ("--setenv", name, value)]
    return _run([program(), *APART, *ISOLATED, *_VIEW, *_top_level(), *environment, "--", *command], stdin)


def _top_level() -> Iterator[str]:
    """Yield arguments for what programs need beside /usr: links into it, or older layouts' directories."""
    for path in map(Path, _TOP_LEVEL):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        else:
            yield from ("--ro-bind-try", str(path), str(path))


def _run(argv: Sequence[str], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            argv, env=ENVIRONMENT, input=stdin, capture_output=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{argv[0]} does not end") from error


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _remedy() -> str:
    """Say what to change, where it can be told from the kernel's switches."""
    for name, off, remedy in _SWITCHES:
        path = Path("/proc/sys", name)
        if path.exists() and path.read_text().strip() == off:
            return remedy
    return "this machine, or the container that it is, forbids user namespaces"
