# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Device nodes and shared memory (flatpak-metadata(5), `devices` and the feature per-app-dev-shm).

Guarantees: /dev/shm of the host is shown only to who was granted `shm`; `all` covers it.
"""

import os
from pathlib import Path

from appctl.places import Places
from appctl.running.grants.granted import Grants, Mount

_SHM = "/dev/shm"  # noqa: S108 - a place inside
_RUNTIME = "appctl/shm"  # below XDG_RUNTIME_DIR: one directory an app, private to the caller
_GRAPHICS = ("dri", "mali", "mali0", "umplock", "kgsl-3d0", "nvidiactl", "nvidia-modeset", "nvidia-uvm",
             "nvidia-uvm-tools", "kfd", *(f"nvidia{number}" for number in range(8)))  # fmt: skip
NODES = {"dri": _GRAPHICS, "kvm": ("kvm",), "input": ("input", "uinput"), "all": ("",), "shm": ()}


def show(value: str, grants: Grants) -> None:
    """Show the nodes that a word stands for, as far as they are there."""
    for name in NODES[value]:
        path = f"/dev/{name}".rstrip("/")
        if os.path.lexists(path):
            grants.bind(path, path, option="--dev-bind")


def shared_memory(words: set[tuple[str, str]], grants: Grants, places: Places, app: str) -> None:
    """Decide what /dev/shm is: the host's, one for all runs of the app, or one for this run."""
    if ("devices", "shm") in words:
        grants.bind(os.path.realpath(_SHM), _SHM, option="--bind")
    elif "per-app-dev-shm" in grants.features and places.runtime and places.runtime.is_dir() and app:
        source = grants.sources.open(places.runtime, f"{_RUNTIME}/{app}", create=True)
        grants.mounts.append(Mount(_SHM, grants.sources.bind(source, _SHM, read_only=False)))
    elif ("devices", "all") in words and not Path(_SHM).is_symlink():
        grants.mounts.append(Mount(_SHM, ("--perms", "1777", "--tmpfs", _SHM)))
