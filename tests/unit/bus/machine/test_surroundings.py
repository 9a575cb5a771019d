# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What NetworkManager, UPower and logind say, and that each of them may be missing, silent or strange."""

import asyncio
import gc
import os
import select
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appctld.bus.machine import services as services_
from appctld.bus.machine.services import Services
from appctld.bus.machine.surroundings import NETWORK as NETWORK_OBJECT
from appctld.bus.machine.surroundings import MachineServices
from appctld.bus.wire.connection import Connection, connect
from appctld.bus.wire.questions import BusCallError
from appctld.updates.surroundings import Surroundings
from support.buses.bus import private_bus
from support.services.surroundings import (
    DYING,
    LOGIN,
    METERED,
    NETWORK,
    ON_BATTERY,
    POWER,
    SLEEPING,
    STATE,
    WARNING,
    Around,
    Said,
    around,
)

GOOD = Surroundings()
SOON = (0.01,) * 2000


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with private_bus(tmp_path_factory.mktemp("bus")) as address:
        yield address


@pytest.fixture(scope="module")
def everything(bus: str) -> Iterator[Around]:
    with around(bus) as found:
        yield found


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who answers has all the time that a busy machine takes."""
    monkeypatch.setattr(services_, "ANSWER_SECONDS", 60.0)


@pytest.fixture
def there(everything: Around) -> Around:
    everything.quiet()
    return everything


@asynccontextmanager
async def machine(address: str, patience: tuple[float, ...] = SOON) -> AsyncIterator[MachineServices]:
    """As the user scope has it: by a connection of its own."""
    services = Services(address=address)
    try:
        yield MachineServices(services, patience)
    finally:
        await services.close()


def surroundings(address: str, patience: tuple[float, ...] = SOON) -> Surroundings:
    async def ask() -> Surroundings:
        async with machine(address, patience) as found:
            return await found.surroundings()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("what", "value", "expected"),
    [
        (METERED, 0, GOOD),
        (METERED, 1, Surroundings(metered=True)),
        (METERED, 2, GOOD),
        (METERED, 3, Surroundings(metered=True)),
        (METERED, 4, GOOD),
        (METERED, 99, GOOD),
        (ON_BATTERY, True, Surroundings(on_battery=True)),
        (WARNING, 0, GOOD),
        (WARNING, 2, GOOD),
        (WARNING, 3, Surroundings(on_battery=True)),
        (WARNING, 5, Surroundings(on_battery=True)),
        (SLEEPING, True, Surroundings(going_down=True)),
        (DYING, True, Surroundings(going_down=True)),
        (STATE, 0, GOOD),
        (STATE, 50, GOOD),
    ],
)
def test_what_a_service_says_is_so(there: Around, what: Said, value: object, expected: Surroundings) -> None:
    assert surroundings(there.address) == GOOD
    there.say(what, value)
    assert surroundings(there.address, ()) == expected


def test_the_daemons_own_connection_will_do(there: Around) -> None:
    there.say(METERED, 1)

    async def ask() -> Surroundings:
        own = await connect(there.address)
        services = Services(own)
        found = await MachineServices(services, ()).surroundings()
        await services.close()
        assert not own.is_lost
        await own.close()
        return found

    assert asyncio.run(ask()) == Surroundings(metered=True)


def test_a_bus_that_was_lost_is_asked_anew(tmp_path: Path) -> None:
    """A daemon of the user scope outlives the system's bus, which may be started again."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    where = f"unix:path={tmp_path}/bus"

    async def scenario() -> None:
        async with machine(where) as found:
            with private_bus(first, where):
                assert await found.surroundings() == GOOD
            with private_bus(second, where), around(where, POWER) as alone:
                alone.say(ON_BATTERY, value=True)
                assert (await found.surroundings()).on_battery

    asyncio.run(scenario())


@pytest.mark.parametrize("state", [10, 20, 40])
def test_a_network_that_comes_is_waited_for(there: Around, state: int) -> None:
    there.say(STATE, state)

    async def scenario() -> None:
        async with machine(there.address) as found:
            asking = asyncio.create_task(found.surroundings())
            for _ in range(20):
                await asyncio.sleep(0.01)
                assert not asking.done()
            there.say(METERED, 1)
            there.say(STATE, 70)
            assert (await asking).metered

    asyncio.run(scenario())


def test_a_network_that_does_not_come_is_waited_for_no_longer_than_that(there: Around) -> None:
    there.say(STATE, 20)
    assert surroundings(there.address, (0.01, 0.01)) == GOOD


def test_without_services_nothing_is_known(tmp_path: Path) -> None:
    with private_bus(tmp_path) as address:
        assert surroundings(address) == GOOD


STARTED = """[D-BUS Service]
Name={name}
Exec=/bin/sh -c 'touch {file}; exit 1'
"""


def test_none_is_started_by_being_asked(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    for name in (NETWORK, POWER, LOGIN):
        text = STARTED.format(name=name, file=tmp_path / "started")
        (tmp_path / "services" / f"{name}.service").write_text(text)
    with private_bus(tmp_path) as address:

        async def scenario() -> None:
            async with machine(address) as found, found.staying_up():
                assert await found.surroundings() == GOOD
            assert not (tmp_path / "started").exists()
            own = await connect(address)
            with pytest.raises(BusCallError):
                await own.owner_of(POWER)
            await own.close()

        asyncio.run(scenario())
        assert (tmp_path / "started").exists(), "it could have been"


def test_two_first_questions_at_once_open_one_connection(
    there: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.say(METERED, 1)
    opened: list[Connection] = []

    async def opening(address: str | None, *, system: bool) -> Connection:
        opened.append(await connect(address, system=system))
        return opened[-1]

    monkeypatch.setattr(services_, "connect", opening)

    async def scenario() -> None:
        async with machine(there.address) as found:
            asking = [found._services.get(*NETWORK_OBJECT, "Metered", int) for _ in range(2)]
            assert await asyncio.gather(*asking) == [1, 1]
        assert [one.is_lost for one in opened] == [True], "and it is closed"

    asyncio.run(scenario())


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_without_a_bus_nothing_is_known_and_it_is_not_looked_for_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str | None] = []

    async def trying(address: str | None, *, system: bool) -> Connection:
        tried.append(address)
        return await connect(address, system=system)

    monkeypatch.setattr(services_, "connect", trying)
    assert surroundings(f"unix:path={tmp_path}/no-bus") == GOOD
    assert len(tried) == 1
    gc.collect()  # the library leaves its socket to that


def test_one_that_is_there_is_heard_where_the_others_are_not(tmp_path: Path) -> None:
    with private_bus(tmp_path) as address, around(address, POWER) as alone:
        alone.say(ON_BATTERY, value=True)
        assert surroundings(address) == Surroundings(on_battery=True)


def test_one_that_does_not_answer_is_waited_for_once(there: Around, monkeypatch: pytest.MonkeyPatch) -> None:
    there.say(METERED, 1)
    there.say(ON_BATTERY, value=True)
    process = there.processes[NETWORK]
    process.send_signal(signal.SIGSTOP)
    try:

        async def scenario() -> None:
            async with machine(there.address) as found:
                monkeypatch.setattr(services_, "ANSWER_SECONDS", 0.2)
                assert await found._services.get(*NETWORK_OBJECT, "Metered", int) is None
                monkeypatch.setattr(services_, "ANSWER_SECONDS", 3600.0)
                assert await found.surroundings() == Surroundings(on_battery=True), "not asked again"

        asyncio.run(asyncio.wait_for(scenario(), 60))
    finally:
        process.send_signal(signal.SIGCONT)


def test_one_that_did_not_answer_is_left_alone_no_longer_though_it_is_wanted_meanwhile(
    there: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is the loop's, and goes as the test says."""
    there.say(METERED, 1)
    process = there.processes[NETWORK]

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        clock, passed = loop.time, [0.0]
        monkeypatch.setattr(loop, "time", lambda: clock() + sum(passed))
        async with machine(there.address) as found:

            async def metered() -> int | None:
                return await found._services.get(*NETWORK_OBJECT, "Metered", int)

            monkeypatch.setattr(services_, "ANSWER_SECONDS", 0.2)
            process.send_signal(signal.SIGSTOP)
            assert await metered() is None
            process.send_signal(signal.SIGCONT)
            monkeypatch.setattr(services_, "ANSWER_SECONDS", 20.0)
            passed.append(services_.SILENT_SECONDS / 2)
            assert await metered() is None, "asked too soon"
            passed.append(services_.SILENT_SECONDS / 2 + 1)
            assert await metered() == 1

    try:
        asyncio.run(asyncio.wait_for(scenario(), 600))
    finally:
        process.send_signal(signal.SIGCONT)


def test_an_answer_of_another_type_says_nothing(tmp_path: Path) -> None:
    with private_bus(tmp_path) as address, around(address, NETWORK) as alone:
        alone.say((NETWORK, "Metered", "s"), "yes")
        alone.say((NETWORK, "State", "as"), ["70"])
        assert surroundings(address) == GOOD


def opened(fifo: Path) -> int:
    os.mkfifo(fifo)
    return os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)


def is_held(reading: int) -> bool:
    """Whether somebody has the writing end."""
    try:
        return os.read(reading, 1) != b""
    except BlockingIOError:
        return True


def test_sleep_and_shutdown_are_delayed_for_the_length_of_a_block(there: Around, tmp_path: Path) -> None:
    reading = opened(tmp_path / "lock")
    there.inhibit_with(str(tmp_path / "lock"))
    before = len(there.inhibitors())

    async def scenario() -> None:
        async with machine(there.address) as found:
            async with found.staying_up():
                assert is_held(reading)
            while is_held(reading):
                await asyncio.to_thread(select.select, [reading], [], [], 20)

    asyncio.run(scenario())
    os.close(reading)
    (given,) = there.inhibitors()[before:]
    assert (given[0], given[3]) == ("sleep:shutdown", "delay")


def test_a_block_that_fails_holds_nothing_afterwards(there: Around, tmp_path: Path) -> None:
    reading = opened(tmp_path / "lock")
    there.inhibit_with(str(tmp_path / "lock"))

    async def scenario() -> None:
        async with machine(there.address) as found:
            with pytest.raises(ZeroDivisionError):
                async with found.staying_up():
                    raise ZeroDivisionError
            while is_held(reading):
                await asyncio.to_thread(select.select, [reading], [], [], 20)

    asyncio.run(scenario())
    os.close(reading)


@pytest.mark.parametrize("name", [LOGIN, POWER])
def test_who_gives_no_lock_keeps_nothing_from_being_done(tmp_path: Path, name: str) -> None:
    """It is not there, or what is there under its name knows no such method."""
    with private_bus(tmp_path) as address, around(address, name):

        async def scenario() -> bool:
            async with machine(address) as found:
                inhibit = (name, "/", f"{LOGIN}.Manager", "Inhibit")
                assert await found._services.borrow(*inhibit, "a", "b", "c", "d") is None
                async with found.staying_up():
                    return True

        assert asyncio.run(scenario())
