# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Changing the caller's auth files (containers-auth.json(5)); reading them is credentials.py's.

Guarantees: what else stands in a file stays; a file is replaced whole by one that only the caller may read.
A file that cannot be read is never replaced. Two programs that change it at once: the last one counts.
"""

import base64
import json
import os
from pathlib import Path

from appctl.caller_files import replace_file
from appctl.failure import Failure
from appctl.logins.credentials import auth_paths, plain_host, read_file
from appctl.places import Places
from appctl.talk.wire import Json, get_object

MODE = 0o600  # logins


def remember(places: Places, host: str, username: str, password: str) -> Path:
    """Keep a login where podman would: until the session ends, if there is one. Raises Failure.

    Returns the file.
    """
    path = auth_paths(places)[0]
    _write(path, with_login(read_file(path) or {}, host, username, password))
    return path


def forget(places: Places, host: str) -> bool:
    """Drop a host's login from every file that has one; whether any had. Raises Failure."""
    changed = False
    for path in auth_paths(places):
        content = read_file(path)
        if content is None:
            continue
        others = without_login(content, host)
        if others != content:
            _write(path, others)
            changed = True
    return changed


def with_login(content: Json, host: str, username: str, password: str) -> Json:
    """The same file's content with that login for the host, and no other for it."""
    others = get_object(without_login(content, host), "auths")
    encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
    return content | {"auths": others | {host: {"auth": encoded}}}


def without_login(content: Json, host: str) -> Json:
    """The same file's content without a login for the host."""
    auths = get_object(content, "auths")
    others = {key: value for key, value in auths.items() if plain_host(key) != plain_host(host)}
    return content | {"auths": others} if others != auths else content


def _write(path: Path, content: Json) -> None:
    """Put a new file in the place of the old one, or of what a link leads to. Raises Failure."""
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(target, json.dumps(content, indent=2).encode(), MODE)
    except OSError as error:
        raise Failure(
            "Failed", f"{target} cannot be written: {error.strerror}", f"ls -ld {target.parent}"
        ) from error
