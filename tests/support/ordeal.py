# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An ordeal: one job, one fault in one of its processes, and what must be true afterwards (R10, R11, R14).

    village = Village(directory, stand)         # state directories in which jobs are about to be done
    endure(Case("install", "store", "merge", fault), village, directory / "1")

`endure` raises AssertionError with what does not hold. The matrix of all cases is in `cases`.
"""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appctld.jobs.job import Job, State
from appctld.jobs.requests import AnyRequest, Install, Repair, Rollback, Uninstall, Update
from support.damage import flip
from support.faults import MISBEHAVIOUR, Fault
from support.house import REMOTE, House
from support.layers import tar
from support.stand import Layer, Shown, Stand

HELLO, STEADY = "org.acme.Hello", "org.acme.Steady"
BASE: Layer = ("zstd", tar(("usr/", "usr/share/", "usr/share/text = " + "all the same " * 2000)))
RESTART_SECONDS = 5.0  # R11: a start after a crash cleans up within them


FOUNDATION: Layer = ("none", tar(("lib/", "lib/foundation = " + "steady " * 1000)))


def image(version: int, base: Layer = BASE) -> list[Layer]:
    """A layer that every version shares, and one that is a version's own."""
    return [base, ("gzip", tar(("usr/", "usr/bin/", f"usr/bin/hello 0755 = {version}")))]


@dataclass
class Deed:
    """A kind of job: how the house is before it, what is asked, and the requests that its workers get.

    `tidying` are those that come after the job's own end: if they fail, the job does not. `heals` says that
    the job tries again by itself.
    """

    prepare: Callable[[House], None]
    ask: Callable[[House], AnyRequest]
    requests: tuple[tuple[str, str, int], ...]
    after: dict[str, str]
    before: dict[str, str] = field(default_factory=lambda: {STEADY: "1"})
    tidying: tuple[tuple[str, str, int], ...] = ()
    heals: bool = False


def _new(house: House) -> None:
    """Nothing but the steady app."""


def _two_versions(house: House) -> None:
    for version in (1, 2):
        _publish(house.stand, version)
        _done(house.do(Install((reference(house),))))
    _publish(house.stand, 3)


def _one_blob_left(house: House) -> None:
    """As an install leaves it that was interrupted between the download and the import."""
    (_, top) = _publish(house.stand, 1)
    shelf = house.paths.blobs_of(REMOTE, private=False)
    shelf.mkdir(parents=True, exist_ok=True)
    (shelf / top.hex).write_bytes(house.stand.body(top.path))


def _damaged(house: House) -> None:
    _publish(house.stand, 1)
    _done(house.do(Install((reference(house),))))
    files = house.paths.app(HELLO) / "current/files/usr/bin/hello"
    inode = files.stat().st_ino
    (found,) = [path for path in house.paths.repo.glob("objects/??/*.file") if path.lstat().st_ino == inode]
    flip(found)


def _shared(house: House) -> None:
    """Another remote's image, of which one layer is here."""
    house.trust("other")
    _publish(house.stand, 1, "other/hello:1")


FETCHED = (
    ("fetch", "resolve", 1),
    ("fetch", "signatures", 1),
    ("gpgv", "run", 1),
    ("fetch", "blob", 1),  # the config
)
BROUGHT = (
    ("fetch", "blob", 2),
    ("store", "receive", 1),
    ("igzip", "run", 1),
    ("store", "import-layer", 1),
)
PLACED = (("store", "merge", 1), ("store", "deploy", 1))

DEEDS = {
    "install": Deed(
        _new,
        lambda house: Install((reference(house),)),
        (*FETCHED, *BROUGHT, ("zstd", "run", 1), *PLACED),
        {STEADY: "1", HELLO: "1"},
    ),
    "resume": Deed(
        _one_blob_left,
        lambda house: Install((reference(house),)),
        (*FETCHED, ("store", "recheck", 1), ("igzip", "run", 1), ("store", "import-layer", 1), *PLACED),
        {STEADY: "1", HELLO: "1"},
    ),
    "adopt": Deed(
        _shared,
        lambda house: Install((reference(house, "other/hello:1"),)),
        (*FETCHED, *BROUGHT, ("store", "adopt-layer", 1), *PLACED),
        {STEADY: "1", HELLO: "1"},
    ),
    "update": Deed(
        _two_versions,
        lambda _house: Update((HELLO,)),
        (*FETCHED, *BROUGHT, *PLACED, ("store", "remove", 1), ("store", "prune", 1)),
        {STEADY: "1", HELLO: "3"},
        before={STEADY: "1", HELLO: "2"},
        tidying=(("store", "remove", 1), ("store", "prune", 1)),
    ),
    "rollback": Deed(
        _two_versions,
        lambda _house: Rollback(HELLO),
        (("store", "activate", 1),),
        {STEADY: "1", HELLO: "1"},
        before={STEADY: "1", HELLO: "2"},
    ),
    "uninstall": Deed(
        _two_versions,
        lambda _house: Uninstall((HELLO,)),
        (("store", "remove", 1), ("store", "prune", 1)),
        {STEADY: "1"},
        before={STEADY: "1", HELLO: "2"},
        tidying=(("store", "prune", 1),),
    ),
    "repair": Deed(
        _damaged,
        lambda _house: Repair(),
        (
            ("store", "recall", 1),
            ("store", "audit", 1),
            ("store", "mend", 1),
            *FETCHED,
            *BROUGHT,
            *PLACED,
            ("store", "remove", 1),
            ("store", "prune", 1),
            ("store", "audit", 2),
        ),
        {STEADY: "1", HELLO: "1"},
        before={STEADY: "1"},  # what is damaged need not run
        heals=True,
    ),
}


@dataclass(frozen=True)
class Case:
    """One job, and the fault of the `number`th request of one kind. `names` are the errors that are right.

    `moved`: the fault may come when the job is done and has only to say so.
    """

    deed: str
    process: str
    operation: str
    fault: Fault
    number: int = 1
    names: frozenset[str] = frozenset()
    moved: bool = False

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
    """Every request of every deed, and every way to misbehave of our own workers."""
    for name, deed in DEEDS.items():
        for process, operation, number in deed.requests:
            if operation != "run":
                for fault in MISBEHAVIOUR:
                    yield Case(name, process, operation, fault, number)


class Village:
    """Houses as they are before each deed; every case gets a copy."""

    def __init__(self, root: Path, stand: Stand) -> None:
        self.stand = stand
        self._root = root
        self._ready: dict[str, Path] = {}

    def house(self, deed: str, place: Path) -> House:
        """A house at `place`, in which that deed is about to be done."""
        if deed not in self._ready:
            self._ready[deed] = self._build(deed)
        subprocess.run(["cp", "-a", str(self._ready[deed]), str(place)], check=True)
        return House(place, self.stand)

    def _build(self, deed: str) -> Path:
        root = self._root / deed
        house = House(root, self.stand)
        try:
            house.start()
            house.trust()
            _publish_steady(self.stand)
            _done(house.do(Install((reference(house, "demo/steady:1"),))))
            DEEDS[deed].prepare(house)
        finally:
            house.close()
        return root


def endure(case: Case, village: Village, place: Path, *, restart: bool = False) -> Job:
    """Let it go wrong, look, start again if `restart`, do it again; the job that went wrong."""
    deed = DEEDS[case.deed]
    house = village.house(case.deed, place)
    try:
        layers = _layers(case.deed, house)
        house.misbehave(case.process, case.operation, case.fault, case.number)
        job = house.do(deed.ask(house))
        house.behave()
        _check_told(case, deed, job)
        _check_kept(case, deed, house)
        if restart:
            _restart(house)
        finished = house.finished(layers)
        _check_done(deed, house)
        assert house.finished(layers).items() >= finished.items(), "a finished layer was fetched again"
        _restart(house)
        assert house.versions() == deed.after
        assert house.problems() == []
        assert house.fsck() == ""
        return job
    finally:
        house.close()


def _check_told(case: Case, deed: Deed, job: Job) -> None:
    """One name, one sentence (R14); and success is told only where it is one."""
    error = job.error
    if error is None:
        assert case.request in deed.tidying or deed.heals, f"success is told: {job.result}"
        return
    assert job.state is State.FAILED
    assert error.name in case.expected, f"{error.name}: {error.message}"
    assert error.message.strip(), error.name
    assert "\n" not in error.message
    assert "unexpected" not in error.message, error.message


def _check_kept(case: Case, deed: Deed, house: House) -> None:
    """The old version is there and whole, or, at the very end, the new one."""
    found = house.versions()
    whole = [deed.before] + ([deed.after] if case.moved or case.request in deed.tidying else [])
    if deed.heals:
        found.pop(HELLO, None)
    assert found in whole, found
    if not deed.heals:
        assert house.fsck() == ""


def _check_done(deed: Deed, house: House) -> None:
    """The same again, honestly."""
    if house.versions() == deed.after and not deed.heals:
        return
    _done(house.do(deed.ask(house)))
    assert house.versions() == deed.after


def _restart(house: House) -> None:
    seconds = house.start()
    assert house.litter() == []
    assert seconds < RESTART_SECONDS


def _done(job: Job) -> None:
    assert job.error is None, f"{job.error.name}: {job.error.message}"
    assert job.state is State.SUCCEEDED, job.state
    assert job.result.get("left", 0) == 0, job.result


def _publish(stand: Stand, version: int, name: str = "demo/hello:1") -> list[Shown]:
    base = FOUNDATION if name == "other/hello:1" else BASE
    return stand.put(name, image(version, base), app=HELLO, created=f"2024-01-0{version}T00:00:00Z")


def _publish_steady(stand: Stand) -> None:
    layers: list[Layer] = [FOUNDATION, ("none", tar(("usr/", "usr/bin/", "usr/bin/hello = 1")))]
    stand.put("demo/steady:1", layers, app=STEADY, created="2024-01-01T00:00:00Z")


def _layers(deed: str, house: House) -> list[Shown]:
    """Those that the job needs; the tag leads to the version that it brings."""
    version = int(DEEDS[deed].after.get(HELLO, "1"))
    version = 3 if deed in {"rollback", "uninstall"} else version
    return _publish(house.stand, version, "other/hello:1" if deed == "adopt" else "demo/hello:1")


def reference(house: House, name: str = "demo/hello:1") -> str:
    """What a caller types."""
    return f"{house.stand.host}/{name}"
