# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image's tree as bubblewrap arguments, such that no mount point ever lies below a path of the image.

bubblewrap before 0.12 follows a symlink of the image when it makes a mount point, and then writes on the
host. So the root and every directory that something of ours goes through are empty directories of our own,
filled entry by entry: directories and files are bound read-only, symlinks are made again as symlinks. What
the image has at a place of ours is left out. Nothing here follows a symlink; only `look_up` reads them,
inside the tree.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

Bind = Callable[[str, str], Sequence[str]]

LINKS = 40  # as the kernel's own limit in a path (path_resolution(7))


def _read_only(source: str, place: str) -> tuple[str, ...]:
    return "--ro-bind", source, place


def fill(top: Path, at: str, ours: Collection[str], bind: Bind = _read_only) -> list[str]:
    """Arguments that show the directory `top` at `at`, leaving the places `ours` out.

    All paths are absolute and normalized. `bind` makes the arguments that show one source at one place.
    """
    places = {PurePosixPath(place) for place in ours}
    above = {parent for place in places for parent in place.parents}
    return list(_fill(top, PurePosixPath(at), places, above, bind))


def _fill(
    top: Path, at: PurePosixPath, places: set[PurePosixPath], above: set[PurePosixPath], bind: Bind
) -> Iterator[str]:
    with os.scandir(top) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        place = at / entry.name
        if place in places:
            continue
        if place in above:
            if entry.is_dir(follow_symlinks=False):
                yield from ("--dir", str(place))
                yield from _fill(Path(entry.path), place, places, above, bind)
        elif entry.is_symlink():
            yield from ("--symlink", str(Path(entry.path).readlink()), str(place))
        elif entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
            yield from bind(entry.path, str(place))


def look_up(top: Path, path: str) -> Path | None:
    """Find what an absolute path means inside a tree, its symlinks followed inside it; None if nothing is."""
    waiting = [part for part in reversed(path.split("/")) if part]
    found: list[str] = []
    links = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            del found[-1:]
        if part in {".", ".."}:
            continue
        here = top.joinpath(*found, part)
        try:
            mode = os.lstat(here).st_mode
        except OSError:
            return None
        if not stat.S_ISLNK(mode):
            found.append(part)
            continue
        links += 1
        if links > LINKS:
            return None
        target = str(here.readlink())
        if target.startswith("/"):
            found.clear()
        waiting += [item for item in reversed(target.split("/")) if item]
    return top.joinpath(*found)


def find_program(top: Path, name: str, search: str) -> Path | None:
    """Find a program inside a tree as execvp(3) would: by path, or along `search`. None without one."""
    if "/" in name:
        return look_up(top, name)
    for directory in search.split(":"):
        found = look_up(top, f"{directory}/{name}")
        if found is not None and found.is_file():
            return found
    return None
