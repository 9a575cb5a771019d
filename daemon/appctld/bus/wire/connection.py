# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One connection to a bus: calls that come, answers that we wait for, and its end.

Guarantees: a message that cannot be read or sent hurts nobody else; only so many are read before others get
their turn, and none while what is to leave is stuck, so that a flood waits in the bus and not here;
descriptors that arrive are given to who takes the call or closed; a reply only counts when it comes from whom
the question went to; and the end of the bus is an exception for whoever waits. How bytes become messages is
framing.py's and library.py's, what a call means server.py's.
"""

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Callable, Sequence
from typing import TypeVar

from appctld.bus.wire.framing import Frame, Framing
from appctld.bus.wire.library import Message, MessageFlag, MessageType, as_bytes, as_message, dial
from appctld.bus.wire.outbox import Outbox
from appctld.bus.wire.questions import DRIVER, BusCallError, Questions
from appctld.system.foreign import Handed

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

ANSWER_SECONDS = 25.0  # what libdbus, sd-bus and GIO wait for an answer when nobody says otherwise
FLUSH_SECONDS = 2.0  # at the end nobody waits longer for a bus that does not read
TURN = 16  # messages read before others get their turn: some milliseconds


class BusLostError(ConnectionError):
    """The bus went away; the process cannot do its work any more."""


async def connect(address: str | None = None, *, system: bool = False) -> "Connection":
    """Connect to the bus at `address`, else to the system or the session bus of the environment.

    Raises OSError and the library's AuthError when there is none or it refuses.
    """
    return Connection(*await dial(address, system=system))


class Connection:
    """Sends and receives whole messages."""

    def __init__(self, bus: socket.socket, unique_name: str) -> None:
        self.unique_name = unique_name
        self._bus = bus
        self._serials = itertools.count(100)  # the library's own first calls had the lowest
        self._framing = Framing(bus)
        self._outbox = Outbox(bus, self._read_on)
        self._questions = Questions()
        self._on_call: Callable[[Message, Sequence[Handed]], None] | None = None
        self._on_cut: Callable[[Message], None] | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost.add_done_callback(lambda lost: lost.exception())  # nobody has to ask
        self._writer = asyncio.create_task(self._outbox.run())
        self._writer.add_done_callback(self._writer_ended)
        self._read_on()

    def listen(
        self,
        on_call: Callable[[Message, Sequence[Handed]], None],
        on_cut: Callable[[Message], None] | None = None,
    ) -> None:
        """Give every method call that arrives to `on_call`, which must not raise or wait.

        With it come its descriptors, which `on_call` drops. A call of which only the header was read goes to
        `on_cut`.
        """
        self._on_call, self._on_cut = on_call, on_cut

    @property
    def is_lost(self) -> bool:
        """Whether the bus went away, or this was closed."""
        return self._lost.done()

    @property
    def is_stuck(self) -> bool:
        """Whether more waits to leave than should: nothing should be told that can be told later."""
        return self._outbox.is_full

    @property
    def stuck_seconds(self) -> float:
        """For how long the bus took nothing of what waits to leave."""
        return self._outbox.stuck_seconds

    def post(self, message: Message) -> None:
        """Send without waiting: signals. What cannot be sent is logged."""
        try:
            self.put(message)
        except Exception:  # noqa: BLE001 - whatever marshalling raises belongs to this one message
            _log.exception("%s could not be sent", message.member)

    def put(self, message: Message) -> None:
        """Send without waiting; raises what marshalling raises."""
        self._outbox.put(self._marshalled(message))

    async def send(self, message: Message) -> None:
        """Send, and return when it left; raises what marshalling raises, or BusLostError."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outbox.put(self._marshalled(message), sent)
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
        return await self._ask(_call(destination, path, interface, member, signature, body))

    async def borrow(
        self, destination: str, path: str, interface: str, member: str, signature: str, body: Sequence[object]
    ) -> Handed:
        """Call for a descriptor, which the caller closes. Raises as `call`."""
        handed: list[Handed] = []
        try:
            await self._ask(_call(destination, path, interface, member, signature, body), handed)
            if len(handed) == 1:
                return handed.pop()
        finally:
            for one in handed:
                one.close()
        raise BusCallError(f"{DRIVER}.Error.InvalidSignature", f"{member} gave {len(handed)} descriptors")

    async def _ask(self, call: Message, handed: list[Handed] | None = None) -> list[object]:
        """Send a call; the answer's body. Its descriptors are put into `handed`, where that is given."""
        call.serial = next(self._serials)
        with self._questions.asked(call, handed) as answer:
            await self.send(call)
            reply = await self._unless_lost(answer)
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
        if (present := await self.present(name)) is not None:
            return present
        await self.ask_driver("StartServiceByName", "su", name, 0)
        (owner,) = await self.ask_driver("GetNameOwner", "s", name)
        return str(owner)

    async def present(self, name: str) -> str | None:
        """The unique name behind a well-known one, if somebody has it; nothing is started."""
        try:
            (owner,) = await self.ask_driver("GetNameOwner", "s", name)
        except BusCallError:
            return None
        return str(owner)

    async def has_owner(self, name: str) -> bool:
        """Whether somebody is on the bus under that name. Raises OSError where the bus does not say so."""
        try:
            return await self.ask_driver("NameHasOwner", "s", name) == [True]
        except BusCallError as error:
            raise OSError(f"the bus does not say whether {name} is there: {error}") from error

    async def wait_lost(self) -> None:
        """Return after `close`; raise BusLostError when the bus went away by itself."""
        await asyncio.shield(self._lost)

    async def close(self) -> None:
        """Send what waits, then disconnect."""
        with contextlib.suppress(TimeoutError, BusLostError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._unless_lost(asyncio.ensure_future(self._outbox.flushed()))
        self._end(None)
        await asyncio.wait([self._writer])
        self._framing.close()
        self._bus.close()

    def _marshalled(self, message: Message) -> bytes:
        message.serial = message.serial or next(self._serials)
        return as_bytes(message)

    async def _unless_lost(self, wanted: "asyncio.Future[_T]") -> "_T":
        try:
            both: list[asyncio.Future[_T] | asyncio.Future[None]] = [wanted, self._lost]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if wanted.done():
                return wanted.result()
        finally:
            wanted.cancel()
        raise BusLostError("the bus went away")

    def _end(self, error: BaseException | None) -> None:
        """The last act, once: because we want it, or because of what happened to the bus."""
        if self._lost.done():
            return
        asyncio.get_running_loop().remove_reader(self._bus)
        self._writer.cancel()
        if error is None:
            self._lost.set_result(None)
            return
        _log.debug("the bus went away", exc_info=error)
        self._lost.set_exception(BusLostError("the bus went away"))

    def _writer_ended(self, writer: asyncio.Task[None]) -> None:
        self._end(None if writer.cancelled() else writer.exception())

    # Reading

    def _read_on(self) -> None:
        if not self._lost.done():
            asyncio.get_running_loop().add_reader(self._bus, self._readable)

    def _readable(self) -> None:
        try:
            for _ in range(TURN):
                if self._outbox.is_full:
                    asyncio.get_running_loop().remove_reader(self._bus)
                    return
                frame = self._framing.next()
                if frame is None:
                    return
                self._take(frame)
        except (OSError, EOFError) as error:
            self._end(error)

    def _take(self, frame: Frame) -> None:
        """One message, which may be anything: what is wrong with it is its sender's business."""
        message = _understood(frame)
        handed = frame.handed
        try:
            if message is not None:
                handed = self._dispatch(message, frame)
        except Exception:  # noqa: BLE001 - a message must not end the connection
            _log.exception("a message was lost")
        finally:
            for one in handed:
                one.drop()

    def _dispatch(self, message: Message, frame: Frame) -> list[Handed]:
        """Give the message to whom it is for; what is left of its descriptors."""
        if message.message_type is not MessageType.METHOD_CALL:
            if message.message_type is not MessageType.SIGNAL:
                self._questions.answered(message, frame)
        elif frame.cut:
            if self._on_cut is not None:
                self._on_cut(message)
        elif self._on_call is not None:
            self._on_call(message, frame.handed)
            return []
        return frame.handed


def _call(
    destination: str, path: str, interface: str, member: str, signature: str, body: Sequence[object]
) -> Message:
    if destination != DRIVER and not destination.startswith(":"):
        raise ValueError("an answer's sender can only be checked against a unique name")
    return Message(destination, path, interface, member, signature=signature, body=list(body))


def _understood(frame: Frame) -> Message | None:
    """The message; None for what the specification does not know, or the library cannot read."""
    if not frame.is_known:
        return None
    try:
        return as_message(frame.raw)
    except Exception:  # noqa: BLE001 - the libraries raise of all kinds
        _log.debug("a message was not understood", exc_info=True)  # the journal is not its sender's to fill
        return None
