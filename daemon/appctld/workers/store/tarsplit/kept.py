# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where layers' tar metadata lies: one file a diffID, whoever's remote brought the layer (docs/adr/0019).

Guarantees: a file appears under a diffID only whole, durable, and recorded from bytes that had this diffID;
what is not finished has a name that says so; no symlink is followed. Leaves to others: the form (form.py),
and the repository's lock, shared for `recording` and `opened`, exclusive for `sweep`.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from appctld.errors import NotFound, RepoCorrupt
from appctld.model.digest import Digest
from appctld.workers.store import disk
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.space import Room
from appctld.workers.store.tarsplit.form import Sink

_UNFINISHED = ".unfinished-"
_FILE = re.compile(r"[0-9a-f]{64}|\.unfinished-.+")
_MODE = 0o644  # as the objects: whoever may read the repository may make a layer again
_LAYER = "appctl/layer/"


class Recording:
    """One file that is being written: `sink`, and `keep` once the layer has proved to be the diffID."""

    def __init__(self, path: Path, file: BinaryIO, diff_id: Digest, room: Room) -> None:
        self.sink = Sink(file, diff_id, room)
        self._path = path
        self._file = file
        self._target = path.with_name(diff_id.hex)

    def keep(self) -> None:
        """Let it be found, durably; one that is too large is not kept, and the layer cannot be made again."""
        if self.sink.too_large:
            return
        with translated("keeping a layer's tar metadata"):
            os.fsync(self._file.fileno())
            self._path.replace(self._target)
            with disk.opened(self._target.parent) as directory:
                os.fsync(directory)


@contextlib.contextmanager
def recording(directory: Path, diff_id: Digest, room: Room) -> Iterator[Recording]:
    """A new file for a layer; unless it is kept, nothing of it stays."""
    path = directory / f"{_UNFINISHED}{secrets.token_hex(8)}"
    with translated("recording a layer's tar metadata"):
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    file = os.fdopen(descriptor, "wb")
    try:
        os.fchmod(descriptor, _MODE)
        yield Recording(path, file, diff_id, room)
    finally:
        path.unlink(missing_ok=True)
        with translated("recording a layer's tar metadata"):
            file.close()  # on a full disk it fails once more, and must say the same


@contextlib.contextmanager
def opened(directory: Path, diff_id: Digest) -> Iterator[BinaryIO]:
    """The file of a layer; NotFound where there is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with translated("reading a layer's tar metadata", otherwise=RepoCorrupt):
        try:
            descriptor = os.open(directory / diff_id.hex, flags)
        except FileNotFoundError:
            raise NotFound(f"no tar metadata of layer {diff_id} is kept here") from None
        with os.fdopen(descriptor, "rb") as file:
            yield file


def sweep(directory: Path, refs: Collection[str], *, remove: bool) -> int:
    """Bytes of what no layer's ref among `refs` stands for, and of what was never finished."""
    if not directory.is_dir():
        return 0
    wanted = {ref.rpartition("/")[2] for ref in refs if ref.startswith(_LAYER)}
    freed = 0
    with disk.opened(directory) as within:
        for name in filter(_FILE.fullmatch, disk.entries(within)):
            if name not in wanted:
                freed += os.stat(name, dir_fd=within, follow_symlinks=False).st_size
                if remove:
                    os.unlink(name, dir_fd=within)
    return freed
