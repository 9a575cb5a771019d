# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The sandbox: bubblewrap is here, new enough, and starts as it must; system calls can be filtered."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem
from appctl.context import Context
from appctl.programs.sandboxed import ran, sandboxed
from appctl.running.mounts.sources import bubblewrap as program
from appctl.running.syscalls import filter_descriptor

LEAST = (0, 8)  # the first with --disable-userns
# What forbids namespaces to users: the file, the value that does, and how to see it changed.
_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "an AppArmor profile for bwrap that allows userns"),
    ("user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
)


def bubblewrap(_context: Context) -> Iterator[Finding]:
    """Whether a sandbox starts: what is tried is what running an app begins with. Raises Failure."""
    told = ran([program(), "--version"]).stdout.decode(errors="replace")
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


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _remedy() -> str:
    """Say what to change, where it can be told from the kernel's switches."""
    for name, off, remedy in _SWITCHES:
        path = Path("/proc/sys", name)
        if path.exists() and path.read_text().strip() == off:
            return remedy
    return "this machine, or the container that it is, forbids user namespaces"
