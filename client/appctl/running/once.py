# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the caller's own command line gives an app, once: paths, the network, variables, a directory.

Guarantees: all of it is read before anything runs; what makes no sense is a usage error (64), a path that is
not there an error (125), both naming what was typed. Paths are the caller's: relative ones start where the
caller is. Whether a path may be shown is decided in running/grants/.
"""

import os
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from appctl.failure import usage
from appctl.running.deployments.runfile import Permission
from appctl.running.failed import failed
from appctl.running.grants.granted import Grants

_NAMED = ("home", "~", "xdg-")  # how a place of the user's starts that is no path


@dataclass(frozen=True)
class Once:
    """`permissions` as in run.json; `cwd` is None where the image decides."""

    permissions: tuple[Permission, ...]
    env: dict[str, str]
    cwd: str | None

    def check(self, grants: Grants, home: Path) -> None:
        """Raise Failure for what is denied, and for a named place that this user does not have."""
        for kind, value, _ in self.permissions:
            if (kind, value) in grants.denied:
                raise failed(f"{kind}={value} is denied to this app", "appctl permissions ID shows by whom")
            if f"{kind}={value}" in grants.refused and _is_missing(value.removesuffix(":ro"), home):
                raise failed(f"--filesystem={value}: there is no such place here", "appctl help permissions")


def _is_missing(name: str, home: Path) -> bool:
    """Whether a named place is not there; one of user-dirs.dirs is not when it was refused."""
    first, _, rest = name.partition("/")
    if first in {"home", "~"}:
        return not (home / rest).exists()
    return first.startswith("xdg-") and first not in {"xdg-config", "xdg-data", "xdg-cache"}


def of_options(options: Namespace) -> Once:
    """Read the options of `run`. Raises Failure."""
    shown = [("filesystems", _filesystem(item), "") for item in options.filesystem]
    shared = [("shared", item, "") for item in options.share]
    cwd = None if options.cwd is None else os.path.normpath(Path.cwd() / options.cwd)
    return Once((*shown, *shared), dict(map(_variable, options.env)), cwd)


def _filesystem(value: str) -> str:
    """Return the permission's value: an absolute path or a name, and perhaps `:ro`."""
    name, colon, mode = value.rpartition(":")
    if not colon or "/" in mode or (mode != "ro" and os.path.lexists(value)):
        name, mode = value, ""
    if not name or mode not in {"", "ro"}:
        raise usage(f"--filesystem={value} is no PATH or PATH:ro", "appctl run --help")
    end = f":{mode}" if mode else ""
    if _is_named(name):
        return name + end
    place = os.path.normpath(Path.cwd() / name)
    if not Path(place).exists():
        raise failed(f"--filesystem={value}: {place} is not there", "is the path right?")
    return place + end


def _is_named(value: str) -> bool:
    first = value.removesuffix(":ro").partition("/")[0]
    return first in _NAMED or first.startswith(_NAMED[-1])


def _variable(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not name or not equals:
        raise usage(f"--env {item!r} is no NAME=VALUE")
    return name, value
