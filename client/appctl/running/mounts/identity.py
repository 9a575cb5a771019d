# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who the app believes to be: the caller. USER of the image does not count (docs/rules.md, "Running")."""

import os
import pwd

from appctl.running.mounts.layout import Tree, look_up

_ETC_BYTES = 64 << 10  # a base image's passwd is 1 to 2 KiB
_FORBIDDEN = str.maketrans("", "", ":\n\0")


def user_name() -> str:
    """Return the caller's login name; one that this machine does not know is `user`."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "user"


def passwd(tree: Tree, home: str) -> bytes:
    """Return /etc/passwd: the caller first, then the image's other users, so that their names still show."""
    name, uid = user_name(), os.getuid()
    mine = f"{name}:x:{uid}:{os.getgid()}:{name}:{home.translate(_FORBIDDEN)}:/bin/sh"
    return _joined(mine, _lines(tree, "/etc/passwd"), name, str(uid))


def group(tree: Tree) -> bytes:
    """Return /etc/group: the caller's group first, named as the caller is, then the image's other groups."""
    name, gid = user_name(), os.getgid()
    return _joined(f"{name}:x:{gid}:", _lines(tree, "/etc/group"), name, str(gid))


def _joined(mine: str, theirs: list[str], name: str, number: str) -> bytes:
    kept = [line for line in theirs if line.split(":")[0] != name and line.split(":")[2:3] != [number]]
    return "".join(f"{line}\n" for line in (mine, *kept)).encode(errors="surrogateescape")


def _lines(tree: Tree, path: str) -> list[str]:
    """Return the lines of a small file of the image; one that is not there, or too large, has none."""
    found = look_up(tree, path)
    if found is None or not found.is_file() or found.stat().st_size > _ETC_BYTES:
        return []
    return found.read_bytes().decode(errors="surrogateescape").splitlines()
