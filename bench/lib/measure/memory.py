# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Peak memory of a whole tree of processes: the sum of their PSS at one moment, the largest that was seen.

PSS counts a page that several processes share once in all (proc(5), smaps_rollup). A child of this process
counts once it has become a program: until then its memory is this process's own. A thread looks about fifty
times a second, less often where looking takes long; what is shorter than that can be missed.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from measure.beside import beside

_PAUSE = 0.02  # seconds between two looks
_FORKED = 0x40  # PF_FORKNOEXEC of include/linux/sched.h
_SHARE = 4  # looking may take a fifth of the time


@dataclass
class Peak:
    """The largest sum in bytes, and of which programs it was."""

    total: int = 0
    programs: dict[str, int] = field(default_factory=dict)


class Sampler:
    """What was seen of all descendants of this process but for those in `without`, and theirs."""

    def __init__(self, without: Collection[int] = ()) -> None:
        self.peak = Peak()
        self.looks = 0
        self._without = frozenset(without)

    def watch(self, ended: threading.Event) -> None:
        """Look until it ended."""
        while not ended.is_set():
            began = time.monotonic()
            found = self._look()
            self.looks += 1
            if sum(found.values()) > self.peak.total:
                self.peak = Peak(sum(found.values()), found)
            ended.wait(max(_PAUSE, _SHARE * (time.monotonic() - began)))

    def _look(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for pid in descendants(os.getpid(), self._without):
            size = 0 if _is_copy_of_us(pid) else _pss(pid)
            if size:
                found[_program(pid)] += size
        return dict(found)


@contextmanager
def sampling(without: Collection[int] = ()) -> Iterator[Sampler]:
    """Watch for the length of the block."""
    sampler = Sampler(without)
    with beside(sampler.watch):
        yield sampler


def descendants(top: int, without: Collection[int] = ()) -> set[int]:
    """All processes below one, but for those in `without` and what is below them."""
    children = defaultdict(list)
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and (parent := _parent(path)):
            children[parent].append(int(path.name))
    found, waiting = set[int](), [top]
    while waiting:
        new = [pid for pid in children[waiting.pop()] if pid not in without]
        found |= set(new)
        waiting += new
    return found


def _parent(process: Path) -> int | None:
    return _stat(process)[0]


def _is_copy_of_us(pid: int) -> bool:
    """Whether it was forked here and has not called execve(2) yet."""
    parent, flags = _stat(Path(f"/proc/{pid}"))
    return parent == os.getpid() and bool(flags & _FORKED)


def _stat(process: Path) -> tuple[int | None, int]:
    """The parent and the kernel's flags of a process (proc(5), fields 4 and 9 of stat); None, 0: it ended."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None, 0
    return int(fields[1]), int(fields[6])


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it ended
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) << 10


def _program(pid: int) -> str:
    """For people: the module of a Python program, else the program."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "?"
    if "bwrap" not in words[0] and "-m" in words:
        return words[words.index("-m") + 1]
    scripts = [word for word in words[:2] if "python" not in word and not word.startswith("-")]
    return Path(scripts[0]).name if scripts and scripts[0] else "?"
