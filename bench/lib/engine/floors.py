# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The least that parts of an import can cost on this machine: inflating, hashing, and the system calls alone.

Each is done by itself, in one thread, with nothing between: what appctl takes beyond the largest of them is
appctl's own.
"""

import asyncio
import hashlib
import mmap
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from engine.engine import Engine
from inputs.layout import Layout
from measure.cost import Cost, Watch, command, timed

_META = bytes(12) + b"\0\0\x81\xa4"  # as long as user.ostreemeta is: uid, gid, mode


def inflate(layer: Path, _place: Path) -> Cost:
    """The decoder that the daemon takes, into nothing."""
    return command([_decoder(), "-dc", layer])


def _decoder() -> str:
    return "igzip" if shutil.which("igzip") else "gzip"


def store_process(place: Path) -> Cost:
    """A store process that opens a repository and has nothing to do: sandbox, interpreter, libostree."""

    async def work() -> Cost:
        engine = Engine(place / "state", Layout(place / "layout"))
        await engine.ask_for_nothing()  # the first one makes the repository
        watch = Watch()
        await engine.ask_for_nothing()
        return watch.stop()

    return asyncio.run(work())


class Tar:
    """A layer's tar, inflated once into `place`, and where its files lie in it."""

    def __init__(self, layer: Path, place: Path) -> None:
        self.path = place / "layer.tar"
        with self.path.open("wb") as out:
            subprocess.run([_decoder(), "-dc", str(layer)], stdout=out, check=True)
        with tarfile.open(self.path) as archive:
            self._files = [(one.offset_data, one.size) for one in archive if one.isreg()]
            self._links = [one.linkname.encode() for one in archive if one.issym()]

    def hash(self, _place: Path) -> Cost:
        """SHA-256 of every byte, once. An import needs two: of the stream, and of each object in it."""
        return timed(self._hash)

    def _hash(self) -> None:
        with self.path.open("rb") as file:
            hashlib.file_digest(file, "sha256")

    def write(self, place: Path) -> Cost:
        """Create, write, attribute, mode, time and rename, for each object that the layer needs."""
        for shard in range(256):
            (place / f"{shard:02x}").mkdir()
        return timed(lambda: self._write(place))

    def _write(self, place: Path) -> None:
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            view = memoryview(data)
            for number, (offset, size) in enumerate(self._files):
                _object(directory, number, view[offset : offset + size])
            for number, target in enumerate(self._links, len(self._files)):
                _object(directory, number, memoryview(target))
            view.release()
        os.close(directory)


def _object(directory: int, number: int, content: memoryview) -> None:
    file = os.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=directory)
    while content:
        content = content[os.write(file, content) :]
    os.setxattr(file, "user.ostreemeta", _META)
    os.fchmod(file, 0o444)
    os.utime(file, (0, 0))
    os.close(file)
    os.rename("new", f"{number % 256:02x}/{number:062x}.file", src_dir_fd=directory, dst_dir_fd=directory)
