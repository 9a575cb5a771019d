# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One connection: its outbox, its answers, its end."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from appctld.bus.wire.connection import TURN, BusLostError, Connection, connect
from appctld.bus.wire.framing import HEADER_BYTES, MESSAGE_BYTES
from appctld.bus.wire.library import Message, as_bytes
from appctld.bus.wire.questions import BusCallError
from appctld.system.foreign import Handed
from support.buses.bus import NAME, client, private_bus

DRIVER = "org.freedesktop.DBus"


def bad_message() -> Message:
    """One that the library accepts and cannot marshal."""
    return Message.new_signal("/", "a.b", "C", "u", ["no number"])


def signal_of(number: int) -> Message:
    """A signal that carries a number."""
    return Message.new_signal("/", "a.b", "C", "u", [number])


@contextlib.asynccontextmanager
async def wired() -> AsyncIterator[tuple[socket.socket, Connection]]:
    """The bus's end of a wire, and a connection at the other."""
    bus, ours = socket.socketpair()
    with bus:
        ours.settimeout(0)
        connection = Connection(ours, ":1.1")
        yield bus, connection
        await connection.close()


def test_a_message_that_cannot_be_sent_hurts_no_other(address: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        connection = await connect(address)
        connection.post(bad_message())
        with pytest.raises(Exception, match="u"):
            await connection.send(bad_message())
        assert await connection.ask_driver("NameHasOwner", "s", NAME) == [False]
        assert "C could not be sent" in caplog.text
        await connection.close()
        await connection.wait_lost()

    asyncio.run(scenario())


def test_a_well_known_name_is_not_asked_since_its_answer_could_not_be_checked(address: str) -> None:
    async def scenario() -> None:
        connection = await connect(address)
        with pytest.raises(ValueError, match="unique name"):
            await connection.call(NAME, "/", "a.b", "C")
        await connection.close()

    asyncio.run(scenario())


def test_an_error_is_an_exception_with_its_name(address: str) -> None:
    async def scenario() -> None:
        connection = await connect(address)
        with pytest.raises(BusCallError) as caught:
            await connection.owner_of(NAME)
        assert caught.value.name == f"{DRIVER}.Error.ServiceUnknown"
        await connection.close()

    asyncio.run(scenario())


def unique_name(connection: Connection) -> str:
    return connection.unique_name


def test_a_name_has_one_owner(address: str) -> None:
    async def scenario() -> None:
        first, second = await connect(address), await connect(address)
        await first.own_name(NAME)
        assert await second.owner_of(NAME) == unique_name(first)
        with pytest.raises(OSError, match=NAME):
            await second.own_name(NAME)
        await first.release_name(NAME)
        await second.own_name(NAME)
        await first.close()
        await second.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("failure", [TimeoutError("late"), BusCallError(f"{DRIVER}.Error.NoMemory", "")])
def test_a_bus_that_does_not_say_who_is_there_says_neither_yes_nor_no(
    address: str, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    async def scenario() -> None:
        connection = await connect(address)
        assert await connection.has_owner(unique_name(connection))
        assert not await connection.has_owner(NAME)

        async def silent(*_: object) -> list[object]:
            raise failure

        monkeypatch.setattr(connection, "ask_driver", silent)
        with pytest.raises(OSError, match=r"late|NoMemory"):
            await connection.has_owner(NAME)
        await connection.close()

    asyncio.run(scenario())


def test_a_peer_that_goes_away_over_a_question_is_an_answer(address: str) -> None:
    """The bus says so, in its own name, at once."""

    async def scenario() -> None:
        connection, silent = await connect(address), await connect(address)
        asking = asyncio.create_task(connection.call(unique_name(silent), "/", "a.b", "C"))
        await asyncio.sleep(0)
        await connection.ask_driver("NameHasOwner", "s", NAME)  # the question is on its way
        await silent.close()
        with pytest.raises(BusCallError) as caught:
            await asyncio.wait_for(asking, 20)
        assert caught.value.name == f"{DRIVER}.Error.NoReply"
        await connection.close()

    asyncio.run(scenario())


def test_when_the_bus_dies_everybody_who_waits_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        with private_bus(tmp_path) as address:
            connection, silent = await connect(address), await connect(address)
            lost = asyncio.create_task(connection.wait_lost())
            waiting = asyncio.create_task(connection.call(unique_name(silent), "/", "a.b", "C"))
            await connection.ask_driver("NameHasOwner", "s", NAME)
        for task in (lost, waiting):
            with pytest.raises(BusLostError):
                await asyncio.wait_for(task, 20)
        with pytest.raises(BusLostError):
            await asyncio.wait_for(connection.send(signal_of(0)), 20)
        await _dispose(connection)
        await _dispose(silent)

    asyncio.run(scenario())


async def _dispose(connection: Connection) -> None:
    await asyncio.wait_for(connection.close(), 20)


def test_what_waits_is_sent_before_the_end(address: str) -> None:
    async def scenario() -> None:
        async with client(address) as caller:
            await caller.subscribe("type='signal',interface='a.b'")
            connection = await connect(address)
            for number in range(50):
                connection.post(signal_of(number))
            await connection.close()
            assert [(await caller.signal("C"))[0] for _ in range(50)] == list(range(50))

    asyncio.run(scenario())


def test_a_handler_that_raises_is_not_the_librarys_business(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        connection = await connect(address)

        def broken(message: Message, handed: Sequence[Handed]) -> None:
            raise KeyError("secret")

        connection.listen(broken)
        async with client(address) as caller:
            calling = asyncio.create_task(caller.call("Anything", destination=unique_name(connection)))
            async with asyncio.timeout(20):
                while "secret" not in caplog.text:  # noqa: ASYNC110 - what happens has no event
                    await asyncio.sleep(0.001)
            calling.cancel()
        await connection.close()

    asyncio.run(scenario())


def stuck(connection: Connection) -> bool:
    return connection.is_stuck


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_nothing_is_read_while_what_is_to_leave_is_stuck() -> None:
    async def scenario() -> None:
        async with wired() as (bus, connection):
            bus.settimeout(0)
            arrived: list[str] = []
            connection.listen(lambda message, _handed: arrived.append(message.member))
            while not stuck(connection):
                connection.post(Message.new_signal("/", "a.b", "C", "ay", [bytes(1 << 20)]))
            bus.sendall(as_bytes(Message("a.b", "/", "a.b", "C", serial=1)))
            await turns(20)
            assert arrived == []
            while not arrived:
                with contextlib.suppress(BlockingIOError):
                    bus.recv(1 << 20)
                await turns(1)
            assert not stuck(connection)
            bus.close()

    asyncio.run(scenario())


def test_others_get_their_turn_while_a_flood_is_read() -> None:
    async def scenario() -> None:
        async with wired() as (bus, connection):
            arrived: list[str] = []
            connection.listen(lambda message, _handed: arrived.append(message.member))
            bus.sendall(as_bytes(Message("a.b", "/", "a.b", "C", serial=1)) * 3 * TURN)
            seen = []
            while len(arrived) < 3 * TURN:
                await turns(1)
                seen.append(len(arrived))
            assert TURN in seen

    asyncio.run(scenario())


UNREADABLE = [
    b"l\1\0\1" + struct.pack("<III", 4, 1, 0) + b"\xff\xff\xff\xff",
    b"l\7\0\1" + struct.pack("<III", 0, 1, 0),
    b"l\1\0\1" + struct.pack("<III", 0, 1, 8) + b"\1\1o\0\xff\xff\xff\0",
]


@pytest.mark.parametrize("message", UNREADABLE)
def test_what_cannot_be_read_hurts_nobody_else(message: bytes) -> None:
    async def scenario() -> None:
        async with wired() as (bus, connection):
            arrived: asyncio.Queue[str] = asyncio.Queue()
            connection.listen(lambda message, _handed: arrived.put_nowait(message.member))
            bus.sendall(message + as_bytes(Message("a.b", "/", "a.b", "C", serial=1)))
            assert await asyncio.wait_for(arrived.get(), 20) == "C"

    asyncio.run(scenario())


def test_whose_header_is_too_long_is_not_answered() -> None:
    """Nothing of it was read that says to whom."""

    async def scenario() -> None:
        async with wired() as (bus, connection):
            arrived: asyncio.Queue[str] = asyncio.Queue()
            connection.listen(
                lambda message, _handed: arrived.put_nowait(message.member),
                lambda message: arrived.put_nowait(f"{message.member} was cut"),
            )
            path = "/" + "a" * HEADER_BYTES
            for message in (
                Message("a.b", path, "a.b", "C", serial=1),
                Message("a.b", "/", "a.b", "D", serial=2),
            ):
                bus.sendall(as_bytes(message))
            assert await asyncio.wait_for(arrived.get(), 20) == "D"

    asyncio.run(scenario())


def test_an_answer_that_is_too_long_is_an_error(address: str) -> None:
    async def scenario() -> None:
        connection, other = await connect(address), await connect(address)

        def answer(message: Message, _handed: Sequence[Handed]) -> None:
            other.post(Message.new_method_return(message, "ay", [bytes(MESSAGE_BYTES)]))

        other.listen(answer)
        with pytest.raises(BusCallError, match="LimitsExceeded"):
            await asyncio.wait_for(connection.call(other.unique_name, "/", "a.b", "C"), 20)
        await connection.close()
        await other.close()

    asyncio.run(scenario())
