# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An ordeal: one job, one fault in one of its processes, and what must be true afterwards (R10, R11, R14).

    village = Village(directory, stand)         # houses in which jobs are about to be done
    endure(Case("install", "store", "merge", fault), village, directory / "1")

`endure` raises AssertionError with what does not hold. The matrix of all cases is in `cases`.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from appctld.jobs.job import Job, State
from appctld.jobs.requests import Install
from appctld.pipeline import stages
from appctld.pipeline.exports import caches
from appctld.pipeline.images import layer
from appctld.system import child, worker
from appctld.trust import gpgv
from support.ordeals.deeds import (
    DEEDS,
    HELLO,
    Deed,
    Prepare,
    done,
    just_the_steady_app,
    layers_of,
    publish_steady,
    reference,
)
from support.ordeals.faults import LYING, MISBEHAVIOUR, Fault
from support.ordeals.house import House
from support.ordeals.outcomes import FAULTS, LIES, OUTCOMES
from support.publishers.stand import Shown, Stand

STOCK_SOON = 1.0  # seconds; what hangs is a stock program, and honest ones of its kind may end as it does
RESTART_SECONDS = 5.0  # of the processor; R11: a start after a crash cleans up within them


@dataclass(frozen=True)
class Case:
    """One job, and the fault of the `number`th request of one kind. `names` are the errors that are right.

    `moved`: the fault may come when the job is done and has only to say so. `passes`: it may hurt nobody.
    """

    deed: str
    process: str
    operation: str
    fault: Fault
    number: int = 1
    names: frozenset[str] = frozenset()
    moved: bool = False
    passes: bool = False

    def __str__(self) -> str:
        """For a test's name and a table's line."""
        number = f" {self.number}" if self.number > 1 else ""
        return f"{self.deed}/{self.process} {self.operation}{number}/{self.fault.name}"

    @property
    def request(self) -> tuple[str, str, int]:
        """Which request it is."""
        return (self.process, self.operation, self.number)

    @property
    def expected(self) -> frozenset[str]:
        """The errors of which one must be told."""
        late = self.process == "fetch" and self.fault.late
        return self.names or frozenset({"RegistryUnavailable" if late else "Failed"})


def cases() -> Iterator[Case]:
    """Every request of every deed, and every way to misbehave."""
    for name, deed in DEEDS.items():
        for process, operation, number in deed.requests:
            for fault in FAULTS.get(process, MISBEHAVIOUR):
                names = OUTCOMES.get((operation, fault.name)) or OUTCOMES.get(
                    (process, fault.name), frozenset()
                )
                yield Case(name, process, operation, fault, number, names)
    for (operation, number), outcomes in LIES.items():
        for fault in LYING:
            yield Case("install", "fetch", operation, fault, number, outcomes[fault.name])


def sample() -> list[Case]:
    """As few cases as show each way to misbehave, and each request, once."""
    left = list(cases())
    chosen: list[Case] = []
    seen: set[tuple[object, ...]] = set()
    for news in (2, 1):  # first what is new in both ways
        for case in left:
            found: set[tuple[object, ...]] = {
                (KINDS.get(case.process, case.process), case.fault),
                case.request,
            }
            if len(found - seen) >= news:
                chosen.append(case)
                seen |= found
    return chosen


KINDS = {"store": "worker", "fetch": "worker", "zstd": "igzip", "update-desktop-database": "igzip"}
"""Processes whose faults differ in nothing but the request."""


class Village:
    """Houses as they are before each deed; every case gets a copy."""

    def __init__(self, root: Path, stand: Stand) -> None:
        self.stand = stand
        self._root = root
        self._ready: dict[Prepare, Path] = {}

    def house(self, deed: str, place: Path) -> House:
        """A house at `place`, in which that deed is about to be done."""
        self._copy(self._prepared(DEEDS[deed].prepare), place)
        return House(place, self.stand)

    def _prepared(self, prepare: Prepare) -> Path:
        """What several deeds have in common is done once; the steady app is installed once for all."""
        if prepare not in self._ready:
            place = self._root / prepare.__name__
            if prepare is just_the_steady_app:
                self._build(place)
            else:
                self._copy(self._prepared(just_the_steady_app), place)
                with contextlib.closing(House(place, self.stand)) as house:
                    prepare(house)
            self._ready[prepare] = place
        return self._ready[prepare]

    def _build(self, place: Path) -> None:
        with contextlib.closing(House(place, self.stand)) as house:
            house.start()
            house.trust()
            publish_steady(self.stand)
            done(house.do(Install((reference(house, "demo/steady:1"),))))

    @staticmethod
    def _copy(source: Path, place: Path) -> None:
        subprocess.run(["cp", "-a", str(source), str(place)], check=True)


def endure(case: Case, village: Village, place: Path, *, restart: bool = False) -> Job:
    """Let it go wrong, look, start again if `restart`, do it again; the job that went wrong."""
    deed = DEEDS[case.deed]
    house = village.house(case.deed, place)
    try:
        layers = layers_of(case.deed, house)
        house.misbehave(case.process, case.operation, case.fault, case.number)
        with hurried(case):
            job = house.do(deed.ask(house))
        house.behave()
        _check_told(case, deed, job)
        _check_state(case, deed, job, house)
        _check_future(deed, house, layers, restart=restart)
        return job
    finally:
        house.close()


_DEADLINES = {
    "igzip": (layer, "INFLATE_DEADLINE"),
    "zstd": (layer, "INFLATE_DEADLINE"),
    "gpgv": (gpgv, "DEADLINE"),
    "update-desktop-database": (caches, "DEADLINE"),
}
"""Where a stock program's stands; a worker's is in its fault."""


@contextlib.contextmanager
def hurried(case: Case) -> Iterator[None]:
    """Let nobody wait for minutes, or fill the disk with gigabytes, while it goes wrong.

    Of programs that are honest none has less time than it always has: on a busy machine it might need it.
    """
    changes: list[tuple[object, str, float]] = [
        (child, "GRACE", 0.2),
        (worker, "GRACE", 0.2),
        (stages, "LAYER_BYTES", 4 << 20),
    ]
    if case.fault.late and case.process in _DEADLINES:
        changes.append((*_DEADLINES[case.process], STOCK_SOON))
    with contextlib.ExitStack() as stack:
        for module, name, value in changes:
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def perish(deed_name: str, prefix: Sequence[str], village: Village, place: Path) -> bool:
    """Let the daemon and all of its workers be killed by what `prefix` does; whether they were."""
    deed = DEEDS[deed_name]
    house = village.house(deed_name, place)
    try:
        layers = layers_of(deed_name, house)
        command = [
            *prefix,
            sys.executable,
            "-m",
            "support.ordeals.errand",
            str(place),
            house.stand.host,
            deed_name,
        ]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        ended = subprocess.run(command, env=environment, capture_output=True, check=False)
        found = house.versions()
        assert found in (deed.before, deed.after), found
        assert house.fsck() == "", house.fsck()
        _check_future(deed, house, layers, restart=True)
        return ended.returncode != 0
    finally:
        house.close()


def _check_future(deed: Deed, house: House, layers: Sequence[Shown], *, restart: bool) -> None:
    """The same again succeeds, from where it was; a start leaves no litter; all is well in the end."""
    if restart:
        _restart(house)
    finished = house.finished(layers)
    _again(deed, house)
    again = {path for path, asked in finished.items() if len(house.stand.asked(path)) != asked}
    assert not (deed.brings and again), f"finished layers were fetched again: {again}"
    _restart(house)
    assert house.versions() == deed.after
    assert house.problems() == []
    assert house.fsck() == ""
    shown = {f"{HELLO}.V{version}": version for app_id, version in deed.after.items() if app_id == HELLO}
    assert house.shown() == shown
    assert house.united() == house.to_unite()


def _check_told(case: Case, deed: Deed, job: Job) -> None:
    """One name, one sentence (R14)."""
    error = job.error
    if error is None:
        assert job.state is State.SUCCEEDED, job.state
        assert case.passes or deed.heals or case.request in deed.tidying, "nothing went wrong"
        return
    assert job.state is (State.PARTLY_FAILED if deed.apart else State.FAILED), job.state
    assert error.name in case.expected, f"{error.name}: {error.message}"
    assert error.message.strip(), error.name
    assert "\n" not in error.message
    assert "unexpected" not in error.message, error.message


def _check_state(case: Case, deed: Deed, job: Job, house: House) -> None:
    """Success is told only where it is one; else the old version is there, or the new one at the very end."""
    found = house.versions()
    if deed.heals and (job.error is not None or job.result["left"]):
        return  # what was damaged still is
    assert house.fsck() == "", house.fsck()
    whole = [deed.after] if job.error is None else [deed.before, *([deed.after] if case.moved else [])]
    assert found in whole, f"{found} after {job.error}"


def _again(deed: Deed, house: House) -> None:
    """The same again, honestly."""
    if house.versions() == deed.after and not deed.heals:
        return
    done(house.do(deed.ask(house)))
    assert house.versions() == deed.after


def _restart(house: House) -> None:
    seconds = house.start()
    assert house.litter() == []
    assert seconds < RESTART_SECONDS
