# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The environment of a running app.

Guarantees: nothing of the caller's but terminal and language; what names the app's own directories is ours,
whatever image, runtime and metadata say.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from appctl.running.deployments.stack import Stack
from appctl.running.mounts import home as own
from appctl.running.mounts.identity import user_name

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # PATH where the image sets none
_PASSED_ON = ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE")  # of the caller's environment, and LC_*
_ON_RUNTIME = {  # as flatpak sets them; runtimes add to XDG_DATA_DIRS
    "PATH": "/app/bin:/usr/bin",
    "SHELL": "/bin/sh",
    "XDG_CONFIG_DIRS": "/app/etc/xdg:/etc/xdg",
    "XDG_DATA_DIRS": "/app/share:/usr/share",
}


def runtime_directory() -> str:
    """Return the app's XDG_RUNTIME_DIR inside."""
    return f"/run/user/{os.getuid()}"


def environment(stack: Stack, data: Path, home: Path, library_paths: Sequence[str]) -> dict[str, str]:
    """Return the app's environment: the image's, with the caller's locale below and what we set above."""
    passed_on = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")
    }
    run, runtime = stack.app.run, stack.runtime
    name = user_name()
    ours = {
        "HOME": str(home),
        "USER": name,
        "LOGNAME": name,
        "XDG_CONFIG_HOME": str(data / own.CONFIG),
        "XDG_DATA_HOME": str(data / own.DATA),
        "XDG_CACHE_HOME": str(data / own.CACHE),
        "XDG_STATE_HOME": str(data / own.STATE),
        "XDG_RUNTIME_DIR": runtime_directory(),
        "PYTHONPYCACHEPREFIX": str(
            data / own.CACHE / "pycache"
        ),  # mtime 0 makes the image's bytecode look stale
        "APPCTL_ID": run.id,
        "container": "appctl",
    }
    if runtime is None:
        return {"PATH": SEARCH} | passed_on | run.env | ours
    base = _ON_RUNTIME | {"LD_LIBRARY_PATH": ":".join(["/app/lib", *library_paths])}
    asked = base | passed_on | runtime.run.env | run.env
    kept = {name: value for name, value in asked.items() if name not in run.unset or name == "PATH"}
    return kept | ours | {"FLATPAK_ID": run.id, "container": "flatpak"}
