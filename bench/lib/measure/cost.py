# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a piece of work costs: seconds on the wall, and CPU seconds of every process that did it.

CPU time is the kernel's: of a command what wait4 says, in which every child that it waited for is counted; of
a process that goes on, its own and its dead children's from /proc. Nobody waits for what bubblewrap runs in a
PID namespace, so this process adopts orphans, and counts them when they are dead.
"""

import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure.clocks import children, clock, descendants

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_ORPHANS_END = 60.0  # seconds on a busy machine; they are already told to
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds; `cpu` is user and system time together, and may exceed `wall` on more than one core."""

    wall: float
    cpu: float
    system: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other."""
        return Cost(self.wall + other.wall, self.cpu + other.cpu, self.system + other.system)


def command(
    argv: Sequence[str | Path],
    *,
    stdin: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Cost:
    """Run a command to its end, its output discarded. Raises RuntimeError with its errors if it fails."""
    words, environment = list(map(str, argv)), {**os.environ, **(env or {})}
    with Path(stdin or os.devnull).open("rb") as source, _scratch() as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            words, stdin=source, stdout=subprocess.DEVNULL, stderr=errors, cwd=cwd, env=environment
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            os.lseek(errors, 0, os.SEEK_SET)
            said = os.read(errors, 4000).decode(errors="replace")
            raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {said}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_stime)


@contextmanager
def _scratch() -> Iterator[int]:
    descriptor = os.memfd_create("errors")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Watch:
    """The cost of what this process does, its children and their orphans among them, since `begin`.

    With `keeps` every process that lives below this one now, and when it ends, does so too: kept workers.
    """

    def __init__(self, *, keeps: bool = False) -> None:
        self._keeps = keeps
        self.begin()

    def begin(self) -> None:
        """From now on."""
        _adopt_orphans(1)
        self._others = children("self")
        self._kept = {pid: clock(pid) for pid in descendants("self")} if self._keeps else {}
        self._wall, (self._user, self._system) = time.monotonic(), _own_cpu()

    def stop(self) -> Cost:
        """Until now. Children that are new since `begin` are awaited, and must be nobody else's.

        The time of those that are kept is not told apart, and counts as the user's.
        """
        wall = time.monotonic() - self._wall
        end = time.monotonic() + _ORPHANS_END
        while (left := children("self") - self._others) and time.monotonic() < end:
            for pid in left:
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.001)
        _adopt_orphans(0)
        user, system = _own_cpu()
        user += sum(clock(pid) - before for pid, before in self._kept.items() if clock(pid))
        return Cost(wall, user + system - self._user - self._system, system - self._system)


def timed(work: Callable[[], object]) -> Cost:
    """The cost of a call."""
    watch = Watch()
    work()
    return watch.stop()


def _adopt_orphans(adopt: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, adopt, 0, 0, 0)


def _own_cpu() -> tuple[float, float]:
    """User and system time."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime for one in used), sum(one.ru_stime for one in used)


def cpu_of(pid: int) -> float:
    """CPU seconds so far of a living process and of its children that are dead."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS  # utime, stime, cutime, cstime: proc(5)
