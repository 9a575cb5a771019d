# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The directory of this machine that a remote's URL names, and who could change what stands at that path.

Pure: what the file system says is asked by the pipeline (pipeline/place.py). Guarantees: a path has one
spelling; a directory counts only where nobody but root and we could have put another in its place.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appctld.errors import InvalidReference, PolicyDenied

LAYOUT = "oci:"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+@=,:-")
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_HINT = "appctl help offline    (whose a directory of images must be)"


@dataclass(frozen=True, slots=True)
class PathStatus:
    """What stands at a path, symlinks not followed: its mode with the type, as lstat(2), and its owner."""

    path: Path
    mode: int
    owner: int


def is_layout(url: str) -> bool:
    """Whether a remote's `url` means a directory of images."""
    return url.startswith(LAYOUT) and not url.startswith(f"{LAYOUT}//")


def parse_layout(url: str) -> Path:
    """Read `oci:/DIRECTORY`. Raises InvalidReference."""
    return Path(plain_path(url.removeprefix(LAYOUT), url))


def plain_path(path: str, url: str) -> str:
    """An absolute path in its one spelling, without a slash at its end. Raises InvalidReference."""
    first, *components = path.removesuffix("/").split("/")
    plain = all(name not in {"", ".", ".."} and _LETTERS.issuperset(name) for name in components)
    if first or not components or not plain:
        raise InvalidReference(f"'{url}' has no plain absolute path (letters, digits and . _ ~ + @ = , : -)")
    return "/".join(["", *components])


def check_owners(found: Iterable[PathStatus], directory: Path, us: int) -> None:
    """Raise PolicyDenied unless only root and the user `us` could change what stands at `directory`.

    `found` are it, the directories above it, and what in it must be a file of its owner. The directories
    above count too, as who can rename one can put another in the place of all below it; where the sticky bit
    keeps others from that (/tmp), they may add names beside ours. No symlinks.
    """
    for one in found:
        inside = directory in one.path.parents
        if not (stat.S_ISREG if inside else stat.S_ISDIR)(one.mode):
            what = "no regular file" if inside else "no directory"
            raise PolicyDenied(f"{one.path} is {what} (a symlink is none)", path=str(one.path), hint=_HINT)
        kept = bool(one.mode & stat.S_ISVTX) and one.path in directory.parents
        if one.owner not in {0, us} or (one.mode & _WRITABLE and not kept):
            raise PolicyDenied(f"{one.path} can be changed by others", path=str(one.path), hint=_HINT)
