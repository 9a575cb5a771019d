# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A daemon that does what a test tells it, on a private bus: for what the real one never does.

It speaks the interface of data/dbus/*.xml by jeepney, in a thread, and remembers every call. Jobs follow a
script: their properties at the start, the changes that are told, the properties at the end.
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from support.buses.bus import ERROR, JOB, MANAGER, NAME, PROPERTIES, ROOT

REMOTE = f"{NAME}.Remote"
SIGNATURES = {
    "Percent": "i", "BytesDone": "t", "BytesTotal": "t", "BytesReused": "t", "Items": "aa{sv}", "Refs": "as",
    "Result": "a{sv}", "ErrorDetails": "a{sv}", "Uid": "u",
}  # fmt: skip


def variants(values: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """An `a{sv}`; the signature follows from the value, or is given as a pair (signature, value)."""
    return {key: _variant(value) for key, value in values.items()}


def _variant(value: Any) -> tuple[str, Any]:  # noqa: ANN401 - whatever D-Bus can hold
    if isinstance(value, tuple):
        return str(value[0]), value[1]
    if isinstance(value, dict):
        return "a{sv}", variants(value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "aa{sv}", [variants(item) for item in value]
    return {bool: "b", int: "t", str: "s"}.get(type(value), "as"), value


def properties(values: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """A job's properties, each with the signature that the XML gives it."""
    typed = {}
    for name, value in values.items():
        signature = SIGNATURES.get(name, "s")
        if signature == "a{sv}":
            value = variants(value)  # noqa: PLW2901 - the wire's form of the same value
        elif signature == "aa{sv}":
            value = [variants(item) for item in value]  # noqa: PLW2901 - as above
        typed[name] = (signature, value)
    return typed


@dataclass
class Script:
    """How one job goes, once its maker has read its properties. Without an end it runs until it is cancelled.

    With `early` it has ended before anybody could read anything.
    """

    end: dict[str, Any] | None = field(default_factory=lambda: {"State": "succeeded"})
    steps: list[dict[str, Any]] = field(default_factory=list)
    early: bool = False
    during: Callable[["FakeInstaller", str], None] = lambda _daemon, _caller: None


@dataclass
class Call:
    """What a client asked for."""

    member: str
    body: tuple[Any, ...]
    flags: int
    path: str


class FakeInstaller:
    """`with FakeInstaller(address) as daemon:`; set what it has before asking."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.apps: list[dict[str, Any]] = []
        self.history: list[dict[str, Any]] = []
        self.remotes: list[dict[str, Any]] = []
        self.introduction: dict[str, Any] = {}
        self.permissions: list[dict[str, Any]] = []
        self.manager: dict[str, tuple[str, Any]] = {"DaemonVersion": ("s", "9.9"), "ApiVersion": ("u", 1)}
        self.errors: dict[str, tuple[str, str, str, dict[str, Any]]] = {}
        self.after: dict[str, Callable[[], None]] = {}  # done once a method was called
        self.scripts: dict[str, list[Script]] = {}
        self.calls: list[Call] = []
        self.waiting = threading.Event()  # a job runs and has no end of its own
        self._pending: dict[str, Script] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self._connection: DBusConnection = open_dbus_connection(address)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        request = new_method_call(bus, "RequestName", "su", (NAME, 0))
        assert self._connection.send_and_get_reply(request).body == (1,)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.vanish()
        self._thread.join()

    @property
    def name(self) -> str:
        """Its unique name on the bus."""
        return self._connection.unique_name

    def send(self, message: Message) -> None:
        """Send anything at all; from a script's `during`, as this is one connection."""
        self._connection.send(message)

    def vanish(self) -> None:
        """Leave the bus in the middle of whatever goes on."""
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)

    def called(self, member: str) -> Call:
        """The last call of a method."""
        return next(call for call in reversed(self.calls) if call.member == member)

    def _serve(self) -> None:
        with suppress(OSError), closing(self._connection):  # closed also by a fault of ours: no client hangs
            while True:
                message = self._connection.receive()
                if message.header.message_type is MessageType.method_call:
                    self._answer(message)

    def _answer(self, message: Message) -> None:
        fields = message.header.fields
        member, path = str(fields[HeaderFields.member]), str(fields[HeaderFields.path])
        interface = fields.get(HeaderFields.interface)
        self.calls.append(Call(member, message.body, message.header.flags, path))
        if member in self.errors:
            self.after.pop(member, lambda: None)()
            name, text, hint, _ = self.errors[member]
            body = (f"{text}\nhint: {hint}" if hint else text,)
            self._connection.send(new_error(message, ERROR + name, "s", body))
        elif interface == MANAGER and member in self.scripts:
            self._job(message, self.scripts[member].pop(0))
        elif interface == JOB and member == "Cancel":
            self._connection.send(new_method_return(message))
            self._finish(path, str(fields[HeaderFields.sender]), {"State": "cancelled"})
        else:
            self.after.pop(member, lambda: None)()
            self._connection.send(new_method_return(message, *self._plain(member, path)))
            if path in self._pending:
                self._go_on(path, str(fields[HeaderFields.sender]))

    def _plain(self, member: str, path: str) -> tuple[Any, ...]:  # noqa: PLR0911 - one for each method
        if member == "ListText":
            return "s", (json.dumps(self.apps),)
        match member:
            case "List" | "History":
                found = self.apps if member == "List" else self.history
                return "aa{sv}", ([variants(one) for one in found],)
            case "GetPermissions":
                return "aa{sv}", ([variants(one) for one in self.permissions],)
            case "GetAll" if path in self._jobs:
                return "a{sv}", (properties(self._jobs[path]),)
            case "GetAll":
                return "a{sv}", (dict(self.manager),)
            case "GetManagedObjects":
                objects = {f"{ROOT}/remote/r{number}": {REMOTE: variants(remote)}
                           for number, remote in enumerate(self.remotes)}  # fmt: skip
                objects |= {path: {JOB: properties(job)} for path, job in self._jobs.items()}
                return "a{oa{sa{sv}}}", (objects,)
            case "ResolveFile":
                return "a{sv}", (variants(self.introduction),)
            case "AddRemote":
                return "o", (f"{ROOT}/remote/new",)
            case _:
                return ()

    def _job(self, message: Message, script: Script) -> None:
        caller = str(message.header.fields[HeaderFields.sender])
        path = f"{ROOT}/job/{len(self._jobs) + 1}"
        self._jobs[path] = {"State": "running", "Stage": "resolving"}
        script.during(self, caller)
        self._pending[path] = script
        if script.early:
            self._go_on(path, caller)
        self._connection.send(new_method_return(message, "o", (path,)))

    def _go_on(self, path: str, caller: str) -> None:
        script = self._pending.pop(path)
        for step in script.steps:
            self._jobs[path] |= step
            self._tell(path, caller, step)
        if script.end is None:
            self.waiting.set()
        else:
            self._finish(path, caller, script.end)

    def _tell(self, path: str, caller: str, changes: dict[str, Any]) -> None:
        signal = new_signal(
            DBusAddress(path, interface=PROPERTIES),
            "PropertiesChanged",
            "sa{sv}as",
            (JOB, properties(changes), []),
        )
        signal.header.fields[HeaderFields.destination] = caller
        self._connection.send(signal)

    def _finish(self, path: str, caller: str, end: dict[str, Any]) -> None:
        self._jobs[path] |= end
        self._connection.send(finished(path, caller, end))


def finished(path: str, caller: str, end: dict[str, Any]) -> Message:
    """A JobFinished for one caller."""
    body = (path, end["State"], end.get("ErrorName", ""), "", variants(end.get("Result", {})))
    signal = new_signal(DBusAddress(ROOT, interface=MANAGER), "JobFinished", "osssa{sv}", body)
    signal.header.fields[HeaderFields.destination] = caller
    return signal


def failed(name: str, message: str = "it failed", **more: object) -> Script:
    """A job that fails; `more` are its other properties."""
    return Script({"State": "failed", "ErrorName": ERROR + name, "ErrorMessage": message, **more})
