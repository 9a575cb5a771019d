# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A small disk: a file system of its own below one directory, for who is in the namespace that has it.

    with Volume(directory, megabytes=16) as disk, disk.machine(...) as machine:
        disk.say("read-only")

It is memory, has the size that is said and keeps user.* attributes (Linux 6.6). A process in that namespace
holds it and does what is said: `size MEGABYTES`, `read-only` and `writable`, which cover it and take the
cover away again, as files that are open for writing stay so when a disk fails.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_NOSUID, _NODEV, _RDONLY, _REMOUNT, _BIND = 2, 4, 1, 32, 4096  # sys/mount.h
_DETACH = 2  # umount2(2), MNT_DETACH
_UNSHARE = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"]


class Volume:
    """One on `directory`, which must exist; `within` is what leads a command there."""

    def __init__(self, directory: Path, *, megabytes: int) -> None:
        words = [sys.executable, "-m", "support.machines.volume", str(directory), str(megabytes)]
        tests = str(Path(__file__).resolve().parents[2])
        self._holder = subprocess.Popen(
            [*_UNSHARE, *words],
            env={**os.environ, "PYTHONPATH": tests},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._heard()
        target = str(self._holder.pid)
        self.within = ("nsenter", "--preserve-credentials", "--user", "--mount", "--target", target)
        self.path = Path(f"/proc/{target}/root{directory}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.communicate()

    def say(self, words: str) -> None:
        """Have something done."""
        assert self._holder.stdin is not None
        self._holder.stdin.write(f"{words}\n")
        self._holder.stdin.flush()
        self._heard()

    def _heard(self) -> None:
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "done\n"


def _hold(directory: str, megabytes: str) -> None:
    mode = f"mode=755,size={megabytes}m"
    _mount(b"tmpfs", directory, _NOSUID | _NODEV, mode)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    for line in sys.stdin:
        match line.split():
            case ["size", number]:
                _mount(None, directory, _REMOUNT | _NOSUID | _NODEV, f"size={number}m")
            case ["read-only"]:
                _mount(directory.encode(), directory, _BIND)
                _mount(None, directory, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
            case ["writable"]:
                _done(_LIBRARY.umount2(directory.encode(), _DETACH))
        sys.stdout.write("done\n")
        sys.stdout.flush()


_LIBRARY = ctypes.CDLL(None, use_errno=True)


def _mount(source: bytes | None, target: str, flags: int, data: str = "") -> None:
    _done(_LIBRARY.mount(source, target.encode(), b"tmpfs", ctypes.c_ulong(flags), data.encode() or None))


def _done(status: int) -> None:
    if status != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    _hold(*sys.argv[1:])
