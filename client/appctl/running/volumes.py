# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image's volumes: directories of the caller's, below ~/.var/app/ID/volumes, where the image wants them.

Guarantees: of the image only a real directory on a way of real directories is covered by one, and copied into
it the first time, so much at most; none comes above or below another mount point: bubblewrap would make that
in what an app may write, links and all. One that cannot be is left out and named, and the image's own
directory shows. Which places a volume may have at all, the daemon decided (docs/rules.md, "Running").
"""

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from appctl.caller_files import everything_below
from appctl.failure import UNWRITABLE
from appctl.running.failed import failed
from appctl.running.grants.granted import Mount
from appctl.running.mounts.home import PRIVATE, check, made_once
from appctl.running.mounts.sources import Sources

VOLUMES = "volumes"
BYTES = 1 << 30  # of all first contents: every user of a machine gets a copy
ENTRIES = 100_000  # and so many files: what a large web application unpacks to
BESIDE = 1500  # entries beside all of them: each takes three of the 9,000 arguments that bubblewrap takes


@dataclass
class Prepared:
    """The places whose directories are there, and what is said of the others."""

    places: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def leave_out(self, place: str, why: str) -> None:
        """Do without one."""
        self.left_out.append(f"VOLUME {place} is left out: {why}")


def prepare(top: Path, places: Sequence[str], files: Path | None) -> Prepared:
    """Make those that are missing, with what an image (if any) has there. Raises Failure."""
    found, room = Prepared(), _Room()
    for place in places:
        try:
            _prepare(top / VOLUMES, place, files, room, found)
        except OSError as error:
            raise failed(
                f"{error.filename or top / VOLUMES} cannot be made: {error.strerror}", UNWRITABLE
            ) from error
    return found


def _prepare(volumes: Path, place: str, files: Path | None, room: "_Room", found: Prepared) -> None:
    own = volumes / _name_of(place)
    source = files and _in_image(files, place)
    if source and not stat.S_ISDIR(os.lstat(source).st_mode):
        found.leave_out(place, "the image has no directory there, or a link on the way")
        return
    if files and not room.has_beside(files, place):
        found.leave_out(place, "too many files lie beside it")
        return
    if source and not os.path.lexists(own) and not room.has(source):
        found.leave_out(place, "it begins with more than each user should have a copy of")
        return
    volumes.mkdir(mode=PRIVATE, exist_ok=True)
    check(volumes)
    if not os.path.lexists(own):
        made_once(own, source)
    check(own)
    found.places.append(place)


def directory_of(top: Path, place: str) -> Path:
    """Where a place's own directory lies."""
    return top / VOLUMES / _name_of(place)


def _name_of(place: str) -> str:
    """Name the directory of a place, and of no other."""
    return place[1:].replace("%", "%25").replace("/", "%2F")


def _in_image(files: Path, place: str) -> Path | None:
    """What lies at a place, or the first thing on the way that is no directory; None where that ends."""
    here = files
    for part in PurePosixPath(place).parts[1:]:
        here /= part
        if not os.path.lexists(here):
            return None
        if not stat.S_ISDIR(os.lstat(here).st_mode):
            break
    return here


class _Room:
    """What may still be copied, and shown one by one, in one run."""

    def __init__(self) -> None:
        self._bytes, self._entries, self._beside = BYTES, ENTRIES, BESIDE

    def has_beside(self, files: Path, place: str) -> bool:
        """Whether all that lies beside a place and the way to it can be shown; then it is counted."""
        below_root = [files / parent.relative_to("/") for parent in PurePosixPath(place).parents][:-1]
        count = sum(1 for path in below_root if path.is_dir() for _ in path.iterdir())
        fits = count <= self._beside
        self._beside -= count if fits else 0
        return fits

    def has(self, source: Path) -> bool:
        """Whether a directory fits; then it has its share, and else leaves what is left to the others."""
        left_bytes, left_entries = self._bytes, self._entries
        for size in _sizes(source):
            left_bytes -= size
            left_entries -= 1
            if left_bytes < 0 or left_entries < 0:
                return False
        self._bytes, self._entries = left_bytes, left_entries
        return True


def _sizes(top: Path) -> Iterator[int]:
    """Of everything below, and 0 of directories."""
    for entry in everything_below(top):
        is_directory = entry.is_dir(follow_symlinks=False)
        yield 0 if is_directory else entry.stat(follow_symlinks=False).st_size


def mounts_of(prepared: Prepared, top: Path, taken: Collection[str], sources: Sources) -> Iterator[Mount]:
    """Yield the mounts, but where something else is, or must come through; `taken` are those places."""
    others = [PurePosixPath(place) for place in taken]
    for place in prepared.places:
        mine = PurePosixPath(place)
        if any(mine.is_relative_to(other) or other.is_relative_to(mine) for other in others):
            prepared.leave_out(place, "something else is shown there")
            continue
        others.append(mine)
        source = sources.open(top, f"{VOLUMES}/{_name_of(place)}")
        yield Mount(place, sources.bind(source, place, read_only=False))
