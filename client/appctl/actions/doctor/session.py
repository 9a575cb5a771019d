# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The caller's session, in which apps run: who it is, its runtime directory, and the portals."""

import os
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.context import Context
from appctl.failure import Failure
from appctl.scope import Scope

PORTAL = "org.freedesktop.portal.Desktop"


def session(context: Context) -> Iterator[Finding]:
    """Whether apps can be run here, and found again by `ps`."""
    if os.geteuid() == 0:
        yield warning("user", "this is root, as whom no app is run", "run apps as a user")
    runtime, named = context.places.runtime, os.environ.get("XDG_RUNTIME_DIR", "")
    if not named.startswith("/"):
        yield warning("runtime-directory", "XDG_RUNTIME_DIR is not set: nobody can tell which apps run",
                      "log in to a session of your own")  # fmt: skip
    elif runtime is None or not runtime.is_dir():
        yield warning("runtime-directory", f"XDG_RUNTIME_DIR is {named}, which is no directory of yours",
                      "log in to a session of your own")  # fmt: skip
    else:
        yield _writable(runtime)


def _writable(runtime: Path) -> Finding:
    """Judge whether a file fits in there: before an app starts it is written down, for `ps` and `kill`."""
    room = os.statvfs(runtime)
    if room.f_flag & os.ST_RDONLY:
        return problem("runtime-directory", f"{runtime} is read-only: no app starts", f"findmnt -T {runtime}")
    if room.f_blocks and not room.f_bavail:
        return problem("runtime-directory", f"{runtime} is full: no app starts", f"df -h {runtime}")
    return ok("runtime-directory", str(runtime))


def portal(context: Context) -> Iterator[Finding]:
    """Whether apps can ask for files and the like that they are not shown."""
    try:
        names = context.bus(Scope.USER).known_names()
    except Failure:
        yield warning("portal", "there is no session bus: apps have no portals",
                      "log in to a session of your own")  # fmt: skip
        return
    if PORTAL in names:
        yield ok("portal", "apps can ask for files by portals")
    else:
        yield warning("portal", "no portals are on the session bus: apps cannot ask for files",
                      "apt install xdg-desktop-portal xdg-desktop-portal-gtk")  # fmt: skip
