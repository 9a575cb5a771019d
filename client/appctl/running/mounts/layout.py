# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image's tree as bubblewrap arguments, such that no mount point ever lies below a path of the image.

bubblewrap before 0.12 follows a symlink of the image when it makes a mount point, and then writes on the
host. So the root and every directory that something of ours goes through are empty directories of our own,
filled entry by entry: directories and files are bound read-only, symlinks are made again as symlinks. What
the image has at a place of ours is left out. Nothing here follows a symlink; only `place_of` reads them,
inside the tree.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

Bind = Callable[[str, str], Sequence[str]]

ROOT = PurePosixPath("/")
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


@dataclass(frozen=True)
class Tree:
    """What an app sees as its image: directories of deployments by their places, and links of the root."""

    roots: Mapping[PurePosixPath, Path]
    links: Mapping[str, str] = field(default_factory=dict)

    def host_path(self, path: PurePosixPath) -> Path | None:
        """Where on the host a path lies, links not followed; None between the roots."""
        around = [root for root in self.roots if path.is_relative_to(root)]
        if not around:
            return None
        root = max(around, key=lambda item: len(item.parts))
        return self.roots[root] / path.relative_to(root)

    def link(self, path: PurePosixPath) -> str | None:
        """The target of the symlink that lies at a path; None for anything else. Raises OSError."""
        if path.parent == ROOT and path.name in self.links:
            return self.links[path.name]
        here = self.host_path(path)
        if here is None or not stat.S_ISLNK(os.lstat(here).st_mode):
            return None
        return str(here.readlink())


def look_up(tree: Tree, path: str) -> Path | None:
    """Find what an absolute path means inside a tree, its symlinks followed inside it; None if nothing is."""
    place = place_of(tree, path)
    return None if place is None else tree.host_path(place)


def place_of(tree: Tree, path: str) -> PurePosixPath | None:
    """The same, as the path inside the tree that has no symlink."""
    waiting = [part for part in reversed(path.split("/")) if part]
    found = ROOT
    links = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            found = found.parent
        if part in {".", ".."}:
            continue
        try:
            target = tree.link(found / part)
        except OSError:
            return None
        if target is None:
            found /= part
            continue
        links += 1
        if links > LINKS:
            return None
        if target.startswith("/"):
            found = ROOT
        waiting += [item for item in reversed(target.split("/")) if item]
    return found


def find_program(tree: Tree, name: str, search: str) -> Path | None:
    """Find a program inside a tree as execvp(3) would: by path, or along `search`. None without one."""
    if "/" in name:
        return look_up(tree, name)
    for directory in search.split(":"):
        found = look_up(tree, f"{directory}/{name}")
        if found is not None and found.is_file():
            return found
    return None
