# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Serves plain objects on the bus from data/dbus/*.xml, through one message handler.

Guarantees: an object that lacks a member is refused at start; arguments fit the XML before a handler sees
them; every call gets exactly one answer, and no answer holds a traceback; the caller is whom the bus names;
signals fit the XML too, and InterfacesAdded and InterfacesRemoved come from the root. Who may do what is left
to polkit.py, how much at once to admission.py, the library's faults to connection.py.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from appctld.bus.admission import Admission, Place
from appctld.bus.caller import Caller, Callers
from appctld.bus.exported import Exported, check, read_all
from appctld.bus.standard import OBJECT_MANAGER, PROPERTIES, Standard
from appctld.bus.wire import replies
from appctld.bus.wire.connection import BusLostError, Connection
from appctld.bus.wire.library import Message, MessageFlag
from appctld.bus.wire.paths import ROOT
from appctld.bus.wire.replies import CallRefusedError
from appctld.bus.wire.schema import Arg, Interface, Method
from appctld.bus.wire.variants import decode, decode_options, encode
from appctld.errors import LimitExceeded
from appctld.system.foreign import Handed

_log = logging.getLogger(__name__)


class Server:
    """The objects, and the calls that are being answered."""

    def __init__(self, connection: Connection, interfaces: Mapping[str, Interface]) -> None:
        self._connection = connection
        self._interfaces = interfaces
        self._objects: dict[str, Exported] = {}
        self._standard = Standard(self._objects, interfaces)
        self._callers = Callers(connection)
        self._calls: set[asyncio.Task[None]] = set()
        self._admission = Admission(frozenset({0, os.geteuid()}))
        self._last_call = asyncio.get_running_loop().time()

    def start(self) -> None:
        """Answer calls from now on."""
        self._connection.listen(self._arrived, self._unread)

    @property
    def is_answering(self) -> bool:
        """Whether a call waits for its answer."""
        return bool(self._calls)

    @property
    def idle_seconds(self) -> float:
        """How long nobody called; 0 while a call is being answered."""
        return 0.0 if self._calls else asyncio.get_running_loop().time() - self._last_call

    async def finish(self) -> None:
        """Wait until every call that came is answered."""
        while self._calls:
            await asyncio.wait(self._calls)

    async def is_there(self, sender: str) -> bool:
        """Whether a connection is still on the bus; a bus that does not say so says no."""
        try:
            return await self._connection.has_owner(sender)
        except OSError:
            return False

    # Objects

    def before_listing(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` before GetManagedObjects is answered, to bring the objects up to date."""
        self._standard.refresh = refresh

    def export(self, path: str, item: Exported) -> None:
        """Serve an object, and tell everybody (nobody's secrets); SchemaError when it is incomplete."""
        check(type(item), self._interfaces[item.interface])
        self._objects[path] = item
        if path != ROOT:
            self._from_root("InterfacesAdded", "oa{sa{sv}}", [path, self._standard.described(item, None)])

    def withdraw(self, path: str) -> None:
        """Serve an object no longer."""
        item = self._objects.pop(path, None)
        if item is not None:
            self._from_root("InterfacesRemoved", "oas", [path, [item.interface]])

    def exported(self, path: str) -> Exported | None:
        """The object at `path`."""
        return self._objects.get(path)

    # Signals

    def emit(self, path: str, signal: str, *args: object, to: str = "") -> None:
        """Send a signal of the object's interface; with `to`, to that connection alone."""
        interface = self._interfaces[self._objects[path].interface]
        described = interface.signals[signal]
        body = _encode_all(described.args, args)
        self._post(path, interface.name, signal, described.signature, body, to)

    def changed(self, path: str, names: Iterable[str], *, to: Caller | None = None) -> None:
        """Tell that properties changed: everybody what everybody may see, or one caller what it may see."""
        item = self._objects[path]
        interface = self._interfaces[item.interface]
        described = [interface.properties[name] for name in names]
        told = [each for each in described if each.emits == "true" or (to and each.emits == "const")]
        values = read_all(item, told, to.uid if to else None)
        invalid = [each.name for each in described if each.emits == "invalidates"]
        if values or invalid:
            body: list[object] = [interface.name, values, invalid]
            self._post(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body, to.sender if to else "")

    def changed_all(self, path: str) -> None:
        """Tell everybody that any property may have changed."""
        self.changed(path, self.properties(self._objects[path]))

    def properties(self, item: Exported) -> list[str]:
        """Names of an object's properties."""
        return list(self._interfaces[item.interface].properties)

    @property
    def is_stuck(self) -> bool:
        """Whether the bus takes nothing at the moment: what can be told later, should be."""
        return self._connection.is_stuck

    def _from_root(self, member: str, signature: str, body: list[object]) -> None:
        self._post(ROOT, OBJECT_MANAGER, member, signature, body, "")

    def _post(
        self, path: str, interface: str, member: str, signature: str, body: list[object], to: str
    ) -> None:
        message = Message.new_signal(path, interface, member, signature, body)
        if to:
            message.destination = to
        self._connection.post(message)

    # Calls

    def _arrived(self, message: Message, handed: Sequence[Handed]) -> None:
        self._last_call = asyncio.get_running_loop().time()
        try:
            place = self._admission.enter(message.sender, self._callers.known(message.sender))
        except CallRefusedError as error:
            _drop(handed)
            if _wants_reply(message):
                self._connection.post(replies.failure(message, error))
            return
        call = asyncio.create_task(self._serve(message, place, handed))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    def _unread(self, message: Message) -> None:
        """A call of which only the header was read."""
        self._last_call = asyncio.get_running_loop().time()
        if _wants_reply(message):
            error = LimitExceeded("the message is too long, or takes too long to read")
            self._connection.post(replies.failure(message, error))

    async def _serve(self, message: Message, place: Place, handed: Sequence[Handed]) -> None:
        try:
            reply = await self._answer(message, place, handed)
            if _wants_reply(message):
                self._connection.put(reply)  # where the bus does not take it, nothing more is read
        except BusLostError:
            _log.debug("the bus went away before %s was answered", message.member)
        except Exception as error:  # noqa: BLE001 - a reply that cannot be marshalled
            self._connection.post(replies.failure(message, error))
        finally:
            _drop(handed)
            place.leave()
            self._last_call = asyncio.get_running_loop().time()

    async def _answer(self, message: Message, place: Place, handed: Sequence[Handed]) -> Message:
        try:
            caller = await self._identify(message)
            place.identify(caller.uid)
            standard = self._standard.find(message.path, message.interface, message.member)
            if standard is None:
                return await self._call(message, caller, handed)
            _check_signature(message, standard.ins)
            return replies.success(message, standard.outs, standard.run(caller, message.path, message.body))
        except BusLostError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets one typed answer
            return replies.failure(message, error)

    async def _call(self, message: Message, caller: Caller, handed: Sequence[Handed]) -> Message:
        item, method = self._find(message)
        _check_signature(message, method.in_signature)
        arguments = [
            decode_options(value, arg.keys, handed) if arg.signature == "a{sv}" else decode(value)
            for arg, value in zip(method.ins, message.body, strict=True)
        ]
        result = await getattr(item, method.attribute)(caller, *arguments)
        results = () if not method.outs else (result,) if len(method.outs) == 1 else tuple(result)
        return replies.success(message, method.out_signature, _encode_all(method.outs, results))

    def _find(self, message: Message) -> tuple[Exported, Method]:
        item = self._objects.get(message.path)
        if item is None:
            raise CallRefusedError("UnknownObject", f"there is no object {message.path}")
        if message.interface not in {None, "", item.interface}:
            raise CallRefusedError("UnknownInterface", f"{message.path} has no interface {message.interface}")
        method = self._interfaces[item.interface].methods.get(message.member)
        if method is None:
            raise CallRefusedError("UnknownMethod", f"{item.interface} has no method {message.member}")
        return item, method

    async def _identify(self, message: Message) -> Caller:
        interactive = MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION in message.flags
        return await self._callers.identify(message.sender, interactive=interactive)


def _drop(handed: Sequence[Handed]) -> None:
    for one in handed:
        one.drop()


def _wants_reply(message: Message) -> bool:
    return MessageFlag.NO_REPLY_EXPECTED not in message.flags


def _check_signature(message: Message, wanted: str) -> None:
    if message.signature != wanted:
        text = f"{message.member} takes ({wanted}), not ({message.signature})"
        raise CallRefusedError("InvalidArgs", text)


def _encode_all(described: tuple[Arg, ...], values: tuple[object, ...]) -> list[object]:
    return [encode(arg.signature, value, arg.keys) for arg, value in zip(described, values, strict=True)]
