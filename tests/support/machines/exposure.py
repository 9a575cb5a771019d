# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A login (`user:password`) in the caller's own file, and where on this machine it can be seen meanwhile."""

import base64
import json
import os
from pathlib import Path

from support.machines.machine import Machine


def auth_file(machine: Machine) -> Path:
    """Where the caller's logins are."""
    return machine.directory / "config/containers/auth.json"


def encoded(login: str) -> str:
    """As it stands in files and goes over the wire."""
    return base64.b64encode(login.encode()).decode()


def log_in(machine: Machine, place: str, login: str) -> None:
    """What `podman login` writes."""
    path = auth_file(machine)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"auths": {place: {"auth": encoded(login)}}}))
    path.chmod(0o600)


def holds(data: bytes, login: str) -> bool:
    """Whether the password is in there, plain or encoded."""
    return login.partition(":")[2].encode() in data or encoded(login).encode() in data


def files_with(login: str, directory: Path) -> list[Path]:
    """The files below a directory that hold the password."""
    files = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if holds(path.read_bytes(), login)]


def processes() -> dict[str, tuple[bytes, bytes]]:
    """Arguments and environment of every process whose environment we may read."""
    found = {}
    for path in Path("/proc").iterdir():
        if not path.name.isdigit():
            continue
        try:
            if path.stat().st_uid == os.getuid():
                found[path.name] = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or is not ours to look into
    return found


def exposing(found: dict[str, tuple[bytes, bytes]], login: str) -> list[str]:
    """The processes whose arguments or environment hold the password."""
    return [pid for pid, texts in found.items() if any(holds(text, login) for text in texts)]


def downloads(machine: Machine) -> bool:
    """Whether a blob is on its way."""
    return bool(list(machine.state.glob("blobs/*/.unverified-*")))
