# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every argument and option, of a wrong type or outside its pattern: a typed error, a hint, nothing changed.

The tables are made from data/dbus/*.xml (support/buses/bus_arguments.py), so that what is added there is
tried by itself. One daemon lives through all of it; an app is installed, and a job is there.
"""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appctld.bus.wire import schema
from appctld.bus.wire.schema import Method
from support.buses.bus import ERROR, JOB, MANAGER, PROPERTIES, ROOT, Client, client
from support.buses.bus_arguments import (
    DISPLAYED,
    EXAMPLES,
    HOSTILE,
    VALUES,
    Call,
    in_order,
    methods,
    strings,
    unknown_options,
    wrong_types,
)
from support.buses.bus_service import INTERFACES
from support.machines.machine import Machine

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
FOUND = schema.load(INTERFACES)
METHODS = methods(FOUND)

TEXTS = {
    "Rollback.options.to": "a version is its publisher's text; one that is not kept is NotFound",
    "Search.term": "words in any language",
    "Search.options.locale": "of one that nobody knows texts are told as they were written",
    "AddRemote.settings.title": "for people",
    "ModifyRemote.settings.title": "for people",
}
"""Strings without a grammar, which somebody is shown: only what nobody may be shown is refused."""

SECRETS = ("password", "username", "identity-token")  # whatever the registry takes; nobody is shown it
IGNORED = {"ListText.keys": "a key that this version does not know is not in the answer"}
CHANGE = {"AddRemote": "it would add one", "ResolveFile": "its example is no publisher's file"}
LOGS = {"failures.jsonl", "appctl"}  # what failed, and the directory in which that file is made
ELSE = {"CanAuthorize.action": "NotFound"}  # it has no grammar but a list of words


@dataclass(frozen=True)
class Target:
    """A machine, and what may not change on it."""

    machine: Machine

    @property
    def address(self) -> str:
        return self.machine.environment["DBUS_SESSION_BUS_ADDRESS"]

    def snapshot(self) -> dict[str, tuple[int, ...]]:
        """Everything in the state directory and the configuration, but for the log of what failed."""
        places = (self.machine.directory / "data", self.machine.directory / "config")
        paths = [path for place in places for path in place.rglob("*") if path.name not in LOGS]
        return {str(path): _facts(path) for path in sorted(paths)}


def _facts(path: Path) -> tuple[int, ...]:
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


@pytest.fixture(scope="module")
def target(settled: Machine) -> Target:
    return Target(settled)


async def _job(caller: Client) -> str:
    """A job that is there for a minute."""
    _, (path,) = await caller.call("Resolve", "sa{sv}", EXAMPLES["reference"], {})
    await caller.signal("JobFinished")
    return str(path)


async def outcome(caller: Client, path: str, interface: str, call: Call) -> str:
    """The error that the call ends with, at once or as a job, and whether it had no hint; empty without."""
    error, answer = await caller.call(call.member, call.signature, *call.body, path=path, interface=interface)
    hinted = "\nhint: " in str(*answer[:1])
    if not error and answer and str(answer[0]).startswith(f"{ROOT}/job/"):
        error = str((await caller.signal("JobFinished"))[2])
        hinted = bool((await caller.get_all(answer[0], JOB))["Hint"]) if error else True
    return f"{error} without a hint" if error.startswith(ERROR) and not hinted else error


def offenders(target: Target, interface: str, calls: list[Call], allowed: Collection[str]) -> list[str]:
    """What ended otherwise."""

    async def scenario() -> list[str]:
        async with client(target.address) as caller:
            path = await _job(caller) if interface == JOB else ROOT
            found = [(call.about, await outcome(caller, path, interface, call)) for call in calls]
            return [f"{about}: {error or 'no error'}" for about, error in found if error not in allowed]

    return asyncio.run(scenario())


@pytest.fixture(params=METHODS, ids=lambda pair: pair[1].name)
def tried(request: pytest.FixtureRequest, target: Target) -> Iterator[tuple[str, Method]]:
    """One method; whatever it was called with, nothing is other than before, and the daemon lives."""
    assert target.machine.daemon is not None
    before = target.snapshot()
    yield request.param
    assert target.machine.daemon.poll() is None, target.machine.log.read_text()[-3000:]
    assert target.snapshot() == before
    assert "Traceback" not in target.machine.log.read_text()


def test_a_wrong_type_is_refused_by_name(tried: tuple[str, Method], target: Target) -> None:
    interface, method = tried
    calls = list(wrong_types(method))
    assert len(calls) >= len(method.ins)
    assert offenders(target, interface, calls, {INVALID}) == []


def test_an_option_that_must_be_understood_and_is_not_is_refused(
    tried: tuple[str, Method], target: Target
) -> None:
    interface, method = tried
    calls = list(unknown_options(method))
    assert len(calls) >= sum(arg.signature == "a{sv}" for arg in method.ins)
    assert offenders(target, interface, calls, {INVALID, f"{ERROR}InvalidReference"}) == []


def is_outside(where: str, why: str) -> bool:
    """Whether a string may not be there."""
    if where in IGNORED or where.endswith(SECRETS):
        return False
    return why in DISPLAYED if where in TEXTS else True


def test_a_string_outside_its_pattern_is_refused_by_name(tried: tuple[str, Method], target: Target) -> None:
    interface, method = tried
    calls = [
        call for where, call in strings(method, HOSTILE) if is_outside(where, call.about.rpartition(": ")[2])
    ]
    refusals = {INVALID, f"{ERROR}InvalidReference", f"{ERROR}LimitExceeded"}
    refusals |= {ERROR + name for where, name in ELSE.items() if where.startswith(f"{method.name}.")}
    assert offenders(target, interface, calls, refusals) == []


def test_no_property_can_be_set(target: Target) -> None:
    async def scenario() -> list[str]:
        async with client(target.address) as caller:
            _, (objects,) = await caller.call("GetManagedObjects", interface=OBJECT_MANAGER)
            places = {ROOT: [MANAGER], **objects}
            return [
                f"{path} {name}: {error}"
                for path, interfaces in places.items()
                for interface in interfaces
                for name, found in FOUND[interface].properties.items()
                for error in [await _set(caller, path, interface, name, found.signature)]
                if error != "org.freedesktop.DBus.Error.PropertyReadOnly"
            ]

    before = target.snapshot()
    assert asyncio.run(scenario()) == []
    assert target.snapshot() == before


async def _set(caller: Client, path: str, interface: str, name: str, kind: str) -> str:
    value = (kind, VALUES[kind])
    error, _ = await caller.call("Set", "ssv", interface, name, value, path=path, interface=PROPERTIES)
    return error


def test_what_is_in_order_is_not_refused_for_its_form(target: Target) -> None:
    """Else the tables would say nothing."""
    refused = {INVALID, f"{ERROR}InvalidReference", f"{ERROR}LimitExceeded", f"{ERROR}Failed"}
    for interface, method in METHODS:
        if method.name not in CHANGE:
            assert offenders(target, interface, [in_order(method)], refused) != [], method.name
