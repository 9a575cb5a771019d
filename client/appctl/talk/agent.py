# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""polkit's text agent, for callers at a terminal that no graphical session watches.

It only asks; what the answer allows is polkit's and the daemon's business. In a desktop's terminal
`--fallback` lets the desktop's agent go first; nowhere else, because polkit forgets a fallback where the
caller is in no session (polkit 122: su, a service, a container).
"""

import contextlib
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator

from appctl.scope import Scope
from appctl.terminal.ask import can_ask

_STARTS_WITHIN = 5.0  # seconds; without an agent polkit says no by itself


@contextlib.contextmanager
def text_agent(options: Namespace, scope: Scope) -> Iterator[None]:
    """Run the agent while something may be asked. Does nothing where there is nobody to ask, or no agent."""
    program = shutil.which("pkttyagent", path="/usr/bin:/bin")
    wanted = scope is Scope.SYSTEM and os.geteuid() != 0 and can_ask(options) and sys.stderr.isatty()
    if program is None or not wanted:
        yield
        return
    ready, told = os.pipe()
    where = ["--notify-fd", str(told), "--process", str(os.getpid())]
    agent = subprocess.Popen([program, *_politely(), *where], pass_fds=[told])
    os.close(told)
    try:
        _wait(ready)
        yield
    finally:
        os.close(ready)
        agent.terminate()
        agent.wait()


def _politely() -> list[str]:
    return ["--fallback"] if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") else []


def _wait(ready: int) -> None:
    """Wait until the agent closes its end: it is registered, or it gave up."""
    from select import select

    select([ready], [], [], _STARTS_WITHIN)
