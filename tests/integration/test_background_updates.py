# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/background-updates.md: every row of its table, walked through with a daemon, a registry and services.

What the services' numbers mean, and that they may be missing: tests/unit/bus/machine/test_surroundings.py.
"""

import os
import re
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.buses.bus import MANAGER, NAME
from support.machines.machine import Machine
from support.nights import NETWORK, Heard, Night
from support.publishers.publisher import Publisher
from support.services.surroundings import (
    DYING,
    METERED,
    ON_BATTERY,
    POWER,
    SLEEPING,
    WARNING,
    Said,
    around,
)

TEXT = (Path(__file__).parents[2] / "docs/background-updates.md").read_text()
APP = f"{NAME}.App"
POLICIES = ("none", "check", "download", "install")


def rows() -> dict[str, tuple[str, ...]]:
    """The table of cases: what becomes of each under each policy."""
    table = TEXT.partition("## What happens")[2].partition("\n## ")[0]
    found = re.findall(r"^\| ([^|`]+?) \| (\w+) \| (\w+) \| (\w+) \| (\w+) \|$", table, re.MULTILINE)
    return {case: tuple(outcomes) for case, *outcomes in found}


Arranged = Callable[[Night], AbstractContextManager[object]]


def quiet(_night: Night) -> AbstractContextManager[object]:
    return nullcontext()


def there(night: Night) -> None:
    night.push("2")


@dataclass(frozen=True)
class Case:
    """What is so before, what all the time, what only while an update goes, and why that goes no further.

    `kept`: how the last one went can be written down.
    """

    before: Callable[[Night], None] = there
    meanwhile: Arranged = quiet
    why: str = ""
    all_the_time: Arranged = quiet
    kept: bool = True


def said(what: Said, value: object) -> Arranged:
    @contextmanager
    def meanwhile(night: Night) -> Iterator[None]:
        night.around.say(what, value)
        yield
        night.around.quiet()

    return meanwhile


def asks(night: Night) -> None:
    night.push("2", NETWORK)


def held(night: Night) -> None:
    night.push("2")
    night.machine.appctl("--user", "hold", night.app)


def went_back(night: Night) -> None:
    night.push("2")
    night.machine.appctl("--user", "update", night.app)
    night.machine.appctl("--user", "rollback", "-y", night.app)
    night.machine.appctl("--user", "prune")


def nothing(_night: Night) -> None:
    return None


def signed_by_another(night: Night) -> None:
    night.push("2", key=night.other)


@contextmanager
def left_again(night: Night) -> Iterator[None]:
    with night.software_centre():
        pass
    yield


@contextmanager
def silent(night: Night) -> Iterator[None]:
    night.around.processes[POWER].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        night.around.processes[POWER].send_signal(signal.SIGCONT)


@contextmanager
def without_battery_service(night: Night) -> Iterator[None]:
    night.around.end(POWER)
    try:
        yield
    finally:
        night.around.start(POWER)


def without_network(night: Night) -> AbstractContextManager[None]:
    return night.with_daemon("support.machines.offline")


def in_1970(night: Night) -> AbstractContextManager[None]:
    return night.with_daemon(altered="early")


def on_a_small_disk(night: Night) -> AbstractContextManager[None]:
    return night.with_daemon("support.machines.small", "64m")


@contextmanager
def no_registry(night: Night) -> Iterator[None]:
    night.publisher.registry.stop()
    try:
        yield
    finally:
        night.publisher.registry.start()


@contextmanager
def disabled(night: Night) -> Iterator[None]:
    night.machine.appctl("--user", "remote", "disable", "acme")
    try:
        yield
    finally:
        night.machine.appctl("--user", "remote", "enable", "acme")


def broken(name: str) -> Arranged:
    @contextmanager
    def meanwhile(night: Night) -> Iterator[None]:
        (night.machine.state / name).write_text("{")
        try:
            yield
        finally:
            (night.machine.state / name).unlink()

    return meanwhile


CASES = {
    "an update is there": Case(),
    "it asks for a new permission": Case(asks),
    "the app is held": Case(held),
    "somebody went back from that very image": Case(went_back),
    "the app runs": Case(meanwhile=Night.running),
    "there is nothing new": Case(nothing),
    "the network is metered": Case(meanwhile=said(METERED, 1), why="metered"),
    "it looks as if it were metered": Case(meanwhile=said(METERED, 3), why="metered"),
    "the machine runs on its battery": Case(meanwhile=said(ON_BATTERY, value=True), why="battery"),
    "its battery is nearly empty": Case(meanwhile=said(WARNING, 3), why="battery"),
    "a software centre handles updates": Case(meanwhile=Night.software_centre, why="client"),
    "it left the bus": Case(meanwhile=left_again),
    "the machine is about to sleep": Case(meanwhile=said(SLEEPING, value=True), why="going-down"),
    "the machine is about to shut down": Case(meanwhile=said(DYING, value=True), why="going-down"),
    "a service does not answer": Case(meanwhile=silent),
    "there is no battery service": Case(all_the_time=without_battery_service),
    "the clock shows a day in 1970": Case(all_the_time=in_1970, why="clock"),
    "the disk is full": Case(all_the_time=on_a_small_disk, meanwhile=Night.full, kept=False),
    "there is no network": Case(all_the_time=without_network),
    "the registry is not there": Case(meanwhile=no_registry),
    "another key has signed it": Case(signed_by_another),
    "the remote is disabled": Case(meanwhile=disabled),
    "what is held cannot be read": Case(meanwhile=broken("held.json")),
    "how far they go cannot be read": Case(meanwhile=broken("automatic.json")),
}


@pytest.fixture(scope="module")
def house(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    work = tmp_path_factory.mktemp("night")
    machine = Machine(work / "machine", measured=False)
    machine.with_services = True
    with machine, around(machine.environment["DBUS_SESSION_BUS_ADDRESS"]) as services:
        yield Night(machine, publisher, services, work / "work")


@pytest.fixture
def night(house: Night, request: pytest.FixtureRequest) -> Iterator[Night]:
    name = request.node.name
    house.begin(f"org.appctl.N{zlib.crc32(name.encode())}", runs="the app runs" in name)
    yield house
    house.end()


def test_every_case_of_the_document_is_walked_through() -> None:
    assert rows().keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_an_update_that_nobody_asked_for(name: str, night: Night) -> None:
    case = CASES[name]
    case.before(night)
    night.look()
    became: list[str] = []
    with case.all_the_time(night):
        before = night.last()
        for policy in POLICIES:
            night.decide(policy)
            with case.meanwhile(night):
                became.append(night.goes())
        last = night.last()
    assert tuple(became) == rows()[name]
    assert case.why in " ".join(last["because"])
    if case.kept:
        assert bool(last["error"]) == (
            became[-1] not in {"nothing", "found", "fetched", "installed", "waits"}
        )
    assert (last == before) is not case.kept


def test_while_an_app_is_put_in_place_sleep_and_shutdown_wait(night: Night) -> None:
    there(night)
    before = len(night.around.inhibitors())
    night.decide("install")
    assert night.goes() == "installed"
    assert night.around.inhibitors()[before:][0][0] == "sleep:shutdown"


def test_what_happened_at_night_is_told_to_who_did_not_ask(night: Night) -> None:
    """History, the journal, metrics, and signals to a second client."""
    there(night)
    night.look()
    night.decide("install")
    night.around.say(METERED, 1)
    assert night.goes() == "found"
    assert "updates go as far as check (metered)\n" in night.machine.log.read_text()
    night.around.quiet()
    with night.listening() as heard:
        assert night.goes() == "installed"
    assert ("AppsChanged", ([night.app],)) in heard
    assert ("UpdatesChanged", ()) in heard
    assert {"LastAutomaticUpdate", "UpdatesAvailable"} <= properties(heard, MANAGER)
    assert {"Version", "UpdateAvailable"} <= properties(heard, APP)
    journal = night.machine.log.read_text()
    assert re.search(
        rf"job \d+: updates go as far as install\n.*job \d+: update {night.app} 2\n", journal, re.DOTALL
    )
    (event, *_) = night.machine.appctl("--user", "history", "--json").json
    assert (event["event"], event["id"], event["background"]) == ("update", night.app, True)
    assert (event["previous_version"], event["version"], event["uid"]) == ("1", "2", os.getuid())
    last = night.machine.appctl("--user", "automatic", "--json").json["last"]
    metrics = night.machine.appctl("--user", "metrics", "-").out
    assert last == night.last()
    assert last["success"] == last["time"] >= event["time"]
    name = "appctl_last_automatic_update"
    assert re.search(rf'^{name}_info{{.*extent="install".*}} 1$', metrics, re.MULTILINE)
    told = rf'^{name}_success_timestamp_seconds{{scope="user"}} {last["success"]}$'
    assert re.search(told, metrics, re.MULTILINE)


def test_damage_that_the_weekly_check_finds_is_told_to_who_did_not_ask(night: Night) -> None:
    deployment = Path(night.facts()["deployment"]).parent
    (deployment / "run.json").write_text("{}")
    with night.listening() as heard:
        night.machine.appctl("--user", "verify", "--noninteractive", code=1)
    assert ("AppsChanged", ([night.app],)) in heard
    assert "LastError" in properties(heard, APP)
    assert night.facts()["last-error"] == "RepoCorrupt"


def properties(heard: list[Heard], interface: str) -> set[str]:
    """Those of the objects of that interface that changed."""
    changed = [body for member, body in heard if member == "PropertiesChanged" and body[0] == interface]
    return {name for _, values, invalidated in changed for name in [*values, *invalidated]}
