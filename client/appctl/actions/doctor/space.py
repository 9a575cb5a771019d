# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The state directory: is it ours, can it be written to, and how much may be written above the reserve?"""

import configparser
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.context import Context
from appctl.scope import Scope
from appctl.terminal.show import size

RESERVE_PERCENT = 3  # libostree's default of min-free-space-percent, which the daemon keeps to as well
LOW = 1 << 30  # bytes above the reserve: less than one large app and its next version need
DAEMON = "appctl"  # the user of the system scope
_UNITS = {"MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}  # libostree's, of min-free-space-size
_MODE, _FORMAT = "bare-user", "1"  # of the daemon's repository
_PRUNE = "appctl prune --dry-run"


def state(context: Context) -> Iterator[Finding]:
    """Whether the daemon can write there, and finds its own repository or none."""
    path = context.places.state(context.scope)
    above = _existing(path)
    if foreign := _foreign(path / "repo"):
        yield problem("state", foreign, "move it away, then: appctl repair")
    elif os.statvfs(above).f_flag & os.ST_RDONLY:
        yield problem("state", f"{above} lies on a read-only file system", f"mount -o remount,rw {above}")
    elif context.scope is Scope.USER:
        yield _writable(path, above)
    elif not path.is_dir():
        yield problem("state", f"{path} is missing", "systemd-tmpfiles --create")
    else:
        yield _owned(path)


def space(context: Context) -> Iterator[Finding]:
    """Whether there is room."""
    path = _existing(context.places.state(context.scope))
    room = os.statvfs(path)
    reserve = _reserve(context.places.state(context.scope) / "repo/config", room.f_blocks * room.f_frsize)
    left = room.f_bavail * room.f_frsize - reserve
    if left <= 0:
        yield problem("space", f"{path} has nothing free above the reserve of {size(reserve)}", _PRUNE)
    elif room.f_files and not room.f_favail:
        yield problem("space", f"the file system of {path} has no inode left", _PRUNE)
    elif left < LOW:
        yield warning("space", f"{size(left)} free above the reserve of {size(reserve)}", _PRUNE)
    else:
        yield ok("space", f"{size(left)} free above the reserve of {size(reserve)}")


def _existing(path: Path) -> Path:
    """Return the nearest directory that is there."""
    return path if path.is_dir() else _existing(path.parent)


def _writable(path: Path, above: Path) -> Finding:
    if os.access(above, os.W_OK | os.X_OK):
        return ok("state", f"{path} can be written to")
    return problem("state", f"{above} cannot be written to", f"ls -ld {above}; chmod u+rwx {above}")


def _owned(path: Path) -> Finding:
    try:
        owner = pwd.getpwuid(path.stat().st_uid).pw_name
    except KeyError:
        owner = str(path.stat().st_uid)
    if owner == DAEMON:
        return ok("state", f"{path} belongs to user {DAEMON}")
    return problem("state", f"{path} belongs to {owner}, and the daemon is user {DAEMON}",
                   f"chown -R {DAEMON}: {path}")  # fmt: skip


def _foreign(repository: Path) -> str:
    """Say why the daemon refuses the repository, if it does: its own has its mode, and its mark or no object.

    Without a config it makes one; what is not for us to read is not judged.
    """
    config = repository / "config"
    if not os.access(config, os.R_OK):
        return ""
    parser = _read(config)
    if parser is None:
        return f"{config} cannot be read"
    marked = parser.get("core", "appctl-format", fallback="") == _FORMAT
    has_our_mode = parser.get("core", "mode", fallback="") == _MODE
    if has_our_mode and (marked or not any(repository.glob("objects/*/*"))):
        return ""
    return f"{repository} is another program's repository"


def _read(config: Path) -> configparser.ConfigParser | None:
    """Read a repository's config, which may not be there; None for what is none."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(config)
    except (configparser.Error, UnicodeDecodeError):
        return None
    return parser


def _reserve(config: Path, total: int) -> int:
    """Return the bytes that must stay free: as the repository's config says, else libostree's default."""
    parser = _read(config)
    if parser is None:
        return total * RESERVE_PERCENT // 100
    wanted = re.fullmatch(r"(\d+)(MB|GB|TB)", parser.get("core", "min-free-space-size", fallback=""))
    if wanted:
        return int(wanted[1]) * _UNITS[wanted[2]]
    percent = parser.get("core", "min-free-space-percent", fallback=str(RESERVE_PERCENT))
    return total * (int(percent) if percent.isdecimal() else RESERVE_PERCENT) // 100
