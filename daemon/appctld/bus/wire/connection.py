# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One connection to a bus, with the library's faults closed.

Guarantees: messages leave one at a time (a burst would finalize the library's connection), a message that
cannot be marshalled hurts nobody else, descriptors that arrive are given to who takes the call or closed, a
reply only counts when it comes from whom the question went to, and the end of the bus is an exception for
whoever waits. What a call means is left to server.py.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from appctld.bus.wire.library import BusType, Message, MessageBus, MessageFlag, MessageType
from appctld.system.foreign import Handed

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

DRIVER = "org.freedesktop.DBus"
ANSWER_SECONDS = 25.0  # what libdbus, sd-bus and GIO wait for an answer when nobody says otherwise
FLUSH_SECONDS = 2.0  # at the end nobody waits longer for a bus that does not read


class BusLostError(ConnectionError):
    """The bus went away; the process cannot do its work any more."""


class BusCallError(Exception):
    """A call that we made was answered with an error; `name` is the D-Bus error name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


async def connect(address: str | None = None, *, system: bool = False) -> "Connection":
    """Connect to the bus at `address`, else to the system or the session bus of the environment.

    Raises OSError and the library's AuthError when there is none or it refuses.
    """
    kind = BusType.SYSTEM if system else BusType.SESSION
    bus = (
        _Bus(address, kind, negotiate_unix_fd=True)
        if address
        else _Bus(bus_type=kind, negotiate_unix_fd=True)
    )
    return Connection(await bus.connect())


class _Handed(list[Handed]):
    """The descriptors of a message, none of which stays open here, though most of it is yet to come."""

    def extend(self, numbers: Iterable[int]) -> None:  # type: ignore[override]
        super().extend(map(Handed, numbers))


class _Bus(MessageBus):
    """The library's connection, whose messages have such descriptors."""

    def _create_unmarshaller(self) -> Any:  # noqa: ANN401 - the library has no types
        made = super()._create_unmarshaller()  # type: ignore[no-untyped-call]
        made.unix_fds = _Handed()
        return made


class Connection:
    """Sends and receives whole messages."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._outbox: asyncio.Queue[tuple[Message, asyncio.Future[None] | None]] = asyncio.Queue()
        self._waiting: dict[int, tuple[str, asyncio.Future[Message]]] = {}
        self._closing = False
        self._on_call: Callable[[Message, Sequence[Handed]], None] | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost.add_done_callback(lambda lost: lost.exception())  # nobody has to ask
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._watch())]
        bus.add_message_handler(self._receive)

    def listen(self, on_call: Callable[[Message, Sequence[Handed]], None]) -> None:
        """Give every method call that arrives to `on_call`, which must not raise or wait.

        With it come its descriptors, which `on_call` drops.
        """
        self._on_call = on_call

    def post(self, message: Message) -> None:
        """Send without waiting: signals. What cannot be sent is logged."""
        self._outbox.put_nowait((message, None))

    async def send(self, message: Message) -> None:
        """Send, and return when it left; raises what marshalling raises, or BusLostError."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outbox.put_nowait((message, sent))
        await self._unless_lost(sent)

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[object] = (),
    ) -> list[object]:
        """Ask `destination`, the bus driver or a unique name, and return the answer's body.

        Raises BusCallError or BusLostError; how long to wait is the caller's business (`asyncio.timeout`).
        """
        if destination != DRIVER and not destination.startswith(":"):
            raise ValueError("an answer's sender can only be checked against a unique name")
        serial = self._bus.next_serial()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[serial] = (destination, answer)
        message = Message(
            destination, path, interface, member, signature=signature, body=list(body), serial=serial
        )
        try:
            await self.send(message)
            reply = await self._unless_lost(answer)
        finally:
            del self._waiting[serial]
        if reply.message_type is MessageType.ERROR:
            raise BusCallError(str(reply.error_name), " ".join(map(str, reply.body[:1])))
        return list(reply.body)

    def post_call(
        self, destination: str, path: str, interface: str, member: str, signature: str, body: Sequence[object]
    ) -> None:
        """Call without waiting for, or wanting, an answer."""
        flags = MessageFlag.NO_REPLY_EXPECTED
        message = Message(
            destination, path, interface, member, flags=flags, signature=signature, body=list(body)
        )
        self.post(message)

    async def ask_driver(self, member: str, signature: str = "", *body: object) -> list[object]:
        """Ask the bus itself; raises TimeoutError, and what `call` raises."""
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self.call(DRIVER, "/org/freedesktop/DBus", DRIVER, member, signature, body)

    async def own_name(self, name: str) -> None:
        """Take a well-known name, now or not at all (OSError)."""
        if await self.ask_driver("RequestName", "su", name, 4) != [1]:  # DO_NOT_QUEUE; PRIMARY_OWNER
            raise OSError(f"another process owns {name}")

    async def release_name(self, name: str) -> None:
        """Give a well-known name back."""
        await self.ask_driver("ReleaseName", "s", name)

    async def owner_of(self, name: str) -> str:
        """The unique name behind a well-known one; an activatable service is started. Raises as `call`."""
        try:
            (owner,) = await self.ask_driver("GetNameOwner", "s", name)
        except BusCallError:
            await self.ask_driver("StartServiceByName", "su", name, 0)
            (owner,) = await self.ask_driver("GetNameOwner", "s", name)
        return str(owner)

    async def has_owner(self, name: str) -> bool:
        """Whether somebody is on the bus under that name; a bus that does not say so says no."""
        try:
            return await self.ask_driver("NameHasOwner", "s", name) == [True]
        except (BusCallError, TimeoutError):
            return False

    async def wait_lost(self) -> None:
        """Return after `close`; raise BusLostError when the bus went away by itself."""
        await asyncio.shield(self._lost)

    async def close(self) -> None:
        """Send what waits, then disconnect."""
        self._closing = True
        with contextlib.suppress(TimeoutError, BusLostError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._unless_lost(asyncio.ensure_future(self._outbox.join()))
        if self._bus.connected:
            self._bus.disconnect()  # type: ignore[no-untyped-call]
        await asyncio.wait(self._tasks)
        self._bus._stream.close()  # noqa: SLF001 - the library never closes its socket
        self._bus._sock.close()  # noqa: SLF001

    async def _unless_lost(self, wanted: "asyncio.Future[_T]") -> "_T":
        try:
            both: list[asyncio.Future[_T] | asyncio.Future[None]] = [wanted, self._lost]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if wanted.done():
                return wanted.result()
        finally:
            wanted.cancel()
        raise BusLostError("the bus went away")

    async def _write(self) -> None:
        while True:
            message, sent = await self._outbox.get()
            try:
                await self._bus.send(message)
            except Exception as error:  # noqa: BLE001 - whatever marshalling raises belongs to this one message
                self._not_sent(message, sent, error)
            else:
                if sent is not None and not sent.done():
                    sent.set_result(None)
            finally:
                self._outbox.task_done()

    @staticmethod
    def _not_sent(message: Message, sent: "asyncio.Future[None] | None", error: Exception) -> None:
        if sent is None:
            _log.error("%s could not be sent", message.member, exc_info=error)
        elif not sent.done():
            sent.set_exception(error)

    async def _watch(self) -> None:
        try:
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - the library passes on whatever ended it
            _log.debug("the bus went away", exc_info=error)
        self._tasks[0].cancel()
        if self._closing:
            self._lost.set_result(None)
        else:
            self._lost.set_exception(BusLostError("the bus went away"))

    def _receive(self, message: Message) -> bool:
        """The one handler: the library answers no call itself, and sees no exception to send to a caller."""
        handed = list(cast("list[Handed]", message.unix_fds))
        try:
            if message.message_type is MessageType.METHOD_CALL and self._on_call is not None:
                given, handed = handed, []
                self._on_call(message, given)
            elif message.message_type in {MessageType.METHOD_RETURN, MessageType.ERROR}:
                self._answered(message)
        except Exception:  # noqa: BLE001 - the library would send it, traceback and all, to the caller
            _log.exception("a message from %s was lost", message.sender)
        finally:
            for one in handed:
                one.drop()
        return True

    def _answered(self, message: Message) -> None:
        destination, answer = self._waiting.get(message.reply_serial, ("", None))
        if answer is None or answer.done():
            return
        lost = message.sender == DRIVER and message.message_type is MessageType.ERROR
        if message.sender != destination and not lost:  # the bus itself says who can answer no more
            _log.warning("%s answered a question that went to %s", message.sender, destination)
            return
        answer.set_result(message)
