# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A user who has appctl: a bus, the daemon on it, the command; and what a command of theirs costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.published import APP_ID, Published
from measure.cost import Cost, Watch, command, cpu_of
from measure.ended import noted
from support.machines.machine import BIN, Machine

_ENDED = "ended"


@contextmanager
def user_of(published: Published, place: Path) -> Iterator[Machine]:
    """One whose daemon runs already, and who trusts the publisher; with every sandbox."""
    user = place / "user"
    daemon = ("measure.ended", str(user / _ENDED), "--user")
    with Machine(user, sandboxed=True, program=daemon) as machine:
        machine.add_remote("bench", published.url, published.key, published.lookaside)
        yield machine


def appctl(machine: Machine, *arguments: str) -> Cost:
    """The cost of a command, with all that the daemon and its workers do for it."""
    if machine.daemon is None:
        raise RuntimeError("the daemon does not run")
    watch, before = Watch(), _taken(machine.daemon.pid, machine)
    command([BIN / "appctl", *arguments], env=machine.environment)
    return watch.stop() + Cost(0, _taken(machine.daemon.pid, machine) - before)


def _taken(daemon: int, machine: Machine) -> float:
    return cpu_of(daemon) + noted(machine.directory / _ENDED)


def check_runnable(machine: Machine) -> None:
    """The app's current deployment is there."""
    if not (machine.state / "apps" / APP_ID / "current" / "files" / "usr").is_dir():
        raise SystemExit("what was installed is not there")
