# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The moments of one real process: every system call that touches what matters, found by watching it once.

    for moment in watch("install", ("store", "deploy", 1), village, directory / "0"):
        endure(moment.case("signal=KILL"), village, directory / str(next(numbers)))

strace counts the calls of each kind; a process that does the same again does its n-th call of that kind at
the same place. Random names differ, what is iterated in the order of a set too: then the moment is another,
and is one all the same.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from support.ordeals.deeds import DEEDS, done, layers_of
from support.ordeals.faults import Fault, injected
from support.ordeals.ordeal import Case, Village, perish

WATCHING = ("-qq", "-y", "-s", "0", "-e", "trace=%file,%desc", "-o")

T = TypeVar("T")

MOVES = {"deploy", "activate", "remove", "show-catalog"}  # what they do may be done when they are killed

# What a full disk can fail (man 2), a bad one, and a process without descriptors; and what a kill can part
FULL = set(
    """write pwrite64 writev ftruncate fallocate mkdir mkdirat link linkat symlink symlinkat rename renameat
    renameat2 fsync fdatasync syncfs copy_file_range open openat""".split()  # noqa: SIM905 - as a man page has it
)
BROKEN = {"read", "pread64", "write", "fsync", "fdatasync", "syncfs", "rename", "renameat", "getdents64"}
NO_MORE = {"open", "openat", "dup", "pipe2", "memfd_create"}
CHANGES = FULL | {"unlink", "unlinkat", "rmdir", "fchmod", "fchmodat", "chmod", "utimensat", "fsetxattr"}

_CALL = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)")


@dataclass(frozen=True)
class Moment:
    """The `number`th call of a kind, in the process of one request of a deed; `opens` to create something."""

    deed: str
    request: tuple[str, str, int]
    call: str
    number: int
    creates: bool

    @property
    def faults(self) -> tuple[str, ...]:
        """What may happen at this moment, in strace's words."""
        return tuple(self._faults())

    def _faults(self) -> Iterator[str]:
        if self.request[0] != "store":  # nobody else writes; so there is nothing but to die
            yield "signal=KILL"
            return
        reads = self.call in {"open", "openat"} and not self.creates
        if self.call in CHANGES and not reads:
            yield "signal=KILL"
        if self.call in FULL and not reads:
            yield "error=ENOSPC"
        if self.call in BROKEN:
            yield "error=EIO"
        if self.call in NO_MORE:
            yield "error=EMFILE"

    def case(self, what: str) -> Case:
        """The ordeal in which that happens at this moment."""
        process, operation, number = self.request
        names = {
            "error=ENOSPC": {"NoSpace"} | ({"Failed"} if self.call == "openat" else set()),
            "error=EIO": {"Failed", "RepoCorrupt"},
        }.get(what, {"Failed"})
        fault = injected(self.call, what, self.number, bare=True)
        moved = operation in MOVES
        if process == "gpgv":  # what it had said by then may be a refusal
            names |= {"SignatureInvalid"}
        passes = what != "signal=KILL" or process == "gpgv"
        return Case(self.deed, process, operation, fault, number, frozenset(names), moved, passes)


def watch(deed: str, request: tuple[str, str, int], village: Village, place: Path) -> list[Moment]:
    """Calls of that request's process to which something can happen: a store's on what lies in the house."""
    house = village.house(deed, place)
    log = place.with_suffix(".strace")
    words = ("strace", "-f", *WATCHING, str(log), "--")
    try:
        layers_of(deed, house)
        house.misbehave(request[0], request[1], Fault("is watched", prefix=words, bare=True), request[2])
        done(house.do(DEEDS[deed].ask(house)))
    finally:
        house.close()
    below = f"{place}/state" if request[0] == "store" else ""
    return [found for found in _moments(deed, request, log, below) if found.faults]


def watch_daemon(deed: str, village: Village, place: Path) -> list[tuple[str, ...]]:
    """What, before a daemon, kills it and its workers at each of its own calls that change a file."""
    log = place.with_suffix(".strace")
    perish(deed, ("strace", *WATCHING, str(log), "--"), village, place)
    lines = [f"0 {line}" for line in log.read_text(errors="replace").splitlines()]  # one thread: no number
    log.write_text("\n".join(lines))
    moments = _moments(deed, ("store", "", 1), log, f"{place}/state")
    return [
        injected(moment.call, "signal=KILL", moment.number).prefix
        for moment in moments
        if "signal=KILL" in moment.faults
    ]


def guess(deed: str, request: tuple[str, str, int], most: int) -> list[Moment]:
    """As `watch`, for what cannot work outside of its sandbox: moments that it may have."""
    each = max(1, most // len(GUESSED))
    return [Moment(deed, request, call, number + 1, False) for call in GUESSED for number in range(each)]  # noqa: FBT003


GUESSED = ("read", "openat", "mmap", "write", "lseek", "close")


def _moments(deed: str, request: tuple[str, str, int], log: Path, below: str) -> Iterator[Moment]:
    counted: Counter[tuple[str, str]] = Counter()
    lines = log.read_text(errors="replace").splitlines()
    for found in filter(None, map(_CALL.match, lines)):
        if found["name"] == "execve":  # strace's own
            continue
        counted[found["pid"], found["name"]] += 1
        if below in found["rest"]:
            number = counted[found["pid"], found["name"]]
            yield Moment(deed, request, found["name"], number, "O_CREAT" in found["rest"])


def spread(moments: Sequence[T], most: int) -> list[T]:
    """At most that many of them, from the first to the last."""
    step = max(1, -(-len(moments) // most))
    return list(itertools.islice(moments, 0, None, step))
