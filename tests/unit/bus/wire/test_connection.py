# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One connection: its outbox, its answers, its end."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from appctld.bus.wire.connection import BusCallError, BusLostError, Connection, _Bus, connect
from appctld.bus.wire.library import Message, MessageType
from appctld.system.foreign import Handed
from support.bus import NAME, client, private_bus

DRIVER = "org.freedesktop.DBus"


def answer_from(sender: str, serial: int) -> Message:
    """A reply that `sender` made."""
    return Message(
        message_type=MessageType.METHOD_RETURN, reply_serial=serial, sender=sender, signature="u", body=[0]
    )


def bad_message() -> Message:
    """One that the library accepts and cannot marshal."""
    return Message.new_signal("/", "a.b", "C", "u", ["no number"])


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


def test_an_answer_counts_only_from_whom_was_asked(address: str) -> None:
    async def scenario() -> None:
        connection = await connect(address)
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        connection._waiting[4711] = (":1.5", waiting)
        connection._receive(answer_from(":1.6", 4711))
        assert not waiting.done()
        connection._receive(answer_from(":1.5", 4711))
        assert waiting.done()
        connection._receive(answer_from(":1.5", 4711))  # once more, and one that nobody waits for
        connection._receive(answer_from(":1.5", 4712))
        await connection.close()

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
    return str(connection._bus.unique_name)


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


def test_the_bus_answers_for_nobody(address: str) -> None:
    async def scenario() -> None:
        connection = await connect(address)
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        connection._waiting[4711] = (":1.5", waiting)
        connection._receive(answer_from(DRIVER, 4711))
        assert not waiting.done()
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
            await asyncio.wait_for(connection.send(bad_message()), 20)
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
                connection.post(Message.new_signal("/", "a.b", "C", "u", [number]))
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
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await caller.call("Anything", destination=unique_name(connection))
        assert "secret" in caplog.text
        await connection.close()

    asyncio.run(scenario())


def test_descriptors_are_put_away_before_the_rest_of_their_message_came() -> None:
    reading, writing = socket.socketpair()
    with reading, writing, reading.makefile("rwb") as stream, Path("/dev/null").open("rb") as file:
        bus = _Bus.__new__(_Bus)
        bus._negotiate_unix_fd, bus._sock, bus._stream = True, reading, stream
        socket.send_fds(writing, [b"l"], [file.fileno()])
        unmarshaller = bus._create_unmarshaller()
        assert not unmarshaller.unmarshall()
        (handed,) = unmarshaller.unix_fds
        assert isinstance(handed, Handed)
        handed.close()
