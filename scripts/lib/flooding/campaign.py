# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A real daemon on a private bus, attacked in every way, one after the other.

Guarantees: what is said of one kind of attack is of that alone, with the same daemon for all of them; a
daemon that ended, or answers nobody, is an error. How the numbers look is left to flood.py.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from flooding.attacks import KINDS
from flooding.probe import PAUSE, open_descriptors, pss, watching
from support.machines.machine import Machine

LIBRARIES = {"dbus-next": "", "dbus-fast": "fast"}
IDLE = "nobody"
IDLE_SECONDS = 2.0
SETTLE = 20.0  # seconds: descriptors are closed in threads
HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Stood:
    """One attack, seen from outside; sizes in bytes."""

    kind: str
    seconds: float
    seen: dict[str, int]
    daemon: tuple[float, ...]
    """Milliseconds of every round trip of another client's."""
    bus: tuple[float, ...]
    """The same, of calls that the bus itself answers."""
    before: int
    peak: int
    after: int
    descriptors: int
    """How many more are open afterwards."""


def campaign(directory: Path, library: str, share: float) -> Iterator[Stood]:
    """Attack one daemon in every way, `share` of the numbers in attacks.py."""
    with patch.dict(os.environ, {"APPCTL_DBUS": LIBRARIES[library]}):
        made = Machine(directory, measured=False)
    with made as machine:
        yield _stood(machine, IDLE, share)
        for kind in KINDS:
            yield _stood(machine, kind, share)
            if machine.daemon is None or machine.daemon.poll() is not None:
                raise RuntimeError(f"{kind}: the daemon ended\n{machine.log.read_text()[-3000:]}")


def _stood(machine: Machine, kind: str, share: float) -> Stood:
    address = machine.environment["DBUS_SESSION_BUS_ADDRESS"]
    pid = machine.daemon.pid if machine.daemon else 0
    before, open_before = pss(pid), open_descriptors(pid)
    with watching(address, pid, PAUSE / share) as watched:
        begun = time.monotonic()
        seen = _attack(kind, address, share)
        seconds = time.monotonic() - begun
    return Stood(
        kind,
        seconds,
        seen,
        tuple(watched.daemon),
        tuple(watched.bus),
        before,
        max(watched.peak_bytes, before),
        pss(pid),
        _left(pid, open_before),
    )


def _attack(kind: str, address: str, share: float) -> dict[str, int]:
    if kind == IDLE:
        time.sleep(IDLE_SECONDS * share)
        return {}
    command = [sys.executable, "-m", "flooding.attacks", kind, address, str(share)]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{kind}: {done.stderr[-3000:]}")
    seen: dict[str, int] = json.loads(done.stdout)
    return seen


def _left(pid: int, before: int) -> int:
    """Descriptors that stay open, after some time for those that are being closed."""
    end = time.monotonic() + SETTLE
    while (left := open_descriptors(pid) - before) > 0 and time.monotonic() < end:
        time.sleep(0.02)
    return left
