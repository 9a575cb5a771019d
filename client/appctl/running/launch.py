# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Starting bubblewrap, waiting for the app, and telling its end.

Guarantees: bubblewrap has a fixed environment and path (LD_PRELOAD in its own environment would run on the
host); the exit code is the app's (128 + N for a signal N), or one of ours, 125 to 127, when the app did not
start; Ctrl-C is the app's.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import FrameType

from appctl.exits import ExitCode
from appctl.running.deployments.deployment import Deployment
from appctl.running.desktop import portals
from appctl.running.failed import failed
from appctl.running.instances import registered
from appctl.running.mounts.layout import find_program
from appctl.running.mounts.sources import ENVIRONMENT, bubblewrap
from appctl.running.sandbox import Sandbox

_TAKE_DESCRIPTORS = {"--bind-fd", "--ro-bind-fd", "--ro-bind-data", "--seccomp"}
_BY_SIGNAL = 128  # a shell's exit code, plus the signal's number
_STATUS_BYTES = 64 << 10  # bubblewrap writes two lines of less than 500 bytes


def launch(
    deployment: Deployment, sandbox: Sandbox, command: list[str], runtime: Path | None, *, asks_portals: bool
) -> int:
    """Run the command in the sandbox. Returns its exit code; raises Failure when it did not start."""
    if not command:
        raise failed(f"{deployment.run.id} has no command of its own", "appctl run --command=C")
    program = bubblewrap()
    arguments = sandbox.data(b"".join(os.fsencode(item) + b"\0" for item in sandbox.arguments))
    told = os.memfd_create("appctl-status", os.MFD_CLOEXEC)
    sandbox.descriptors.append(told)
    argv = [program, "--args", str(arguments), "--json-status-fd", str(told)]
    descriptors = [arguments, told, *named(sandbox.arguments)]
    with registered(deployment, runtime), ExitStack() as undo:
        if asks_portals and runtime is not None:
            info = undo.enter_context(portals.found(runtime, os.getpid()))
            argv += ["--info-fd", str(info)]
            descriptors.append(info)
        code = _wait([*argv, "--", *command], descriptors)
    ended = b'"exit-code"' in os.pread(told, _STATUS_BYTES, 0)
    if ended or code >= _BY_SIGNAL:  # which met bubblewrap itself
        return code
    raise _not_started(deployment, sandbox, command[0])


def named(arguments: Sequence[str]) -> set[int]:
    """Return the descriptors that bubblewrap's arguments name: it closes those; others the app would inherit.

    One of a directory of the host would let the app walk out of its sandbox.
    """
    return {int(value) for option, value in pairwise(arguments) if option in _TAKE_DESCRIPTORS}


def _wait(argv: list[str], descriptors: list[int]) -> int:
    """Start bubblewrap and wait; requests to end are passed on, those of the keyboard reach it anyway."""
    child: subprocess.Popen[bytes] | None = None

    def pass_on(signum: int, _frame: FrameType | None) -> None:
        if child is not None:
            child.send_signal(signum)

    before = {number: signal.signal(number, _leave_it) for number in (signal.SIGINT, signal.SIGQUIT)}
    before |= {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        child = subprocess.Popen(argv, env=ENVIRONMENT, pass_fds=descriptors)
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _leave_it(_signum: int, _frame: FrameType | None) -> None:
    """Leave a key of the terminal to the app: a handler, unlike SIG_IGN, is not inherited."""


def _not_started(deployment: Deployment, sandbox: Sandbox, name: str) -> Exception:
    """Say why no app ran, below bubblewrap's own line. Its last file unread: the setup was not complete."""
    app = deployment.run.id
    if os.lseek(sandbox.marker, 0, os.SEEK_CUR) == 0:
        return failed(
            f"the sandbox of {app} could not be set up",
            "are unprivileged user namespaces allowed here? sysctl kernel.unprivileged_userns_clone "
            "kernel.apparmor_restrict_unprivileged_userns",
        )
    if find_program(sandbox.tree, name, sandbox.search) is None:
        return failed(f"{app} has no program {name}", "appctl run --command=C ID", ExitCode.NO_COMMAND)
    return failed(f"{name} of {app} cannot be executed", "appctl run --command=C ID", ExitCode.CANNOT_EXECUTE)
