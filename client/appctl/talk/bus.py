# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The daemon, as seen over D-Bus: calls, and waiting for a job.

Guarantees: an answer is a reply from the connection that owns the daemon's name, and the bus itself says
which; signals count only from the daemon that made the job (anybody on a bus may send us anything, with any
serial in it); a daemon that is not there, or goes away, is a Failure and not a hang; Ctrl-C cancels
the job that is waited for, a second one leaves at once. Values are plain (see wire.py). jeepney is imported
here and in messages.py only.
"""

import contextlib
import os
import select
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Self

from appctl.failure import Failure, usage
from appctl.scope import Scope
from appctl.talk.daemon_failures import failure_of, gone, unreachable
from appctl.talk.interrupts import Interrupts
from appctl.talk.messages import (
    DRIVER,
    as_object,
    changes,
    header,
    is_about_owner,
    is_reply,
    is_undelivered,
    values,
)
from appctl.talk.outcome import FINAL, Outcome, outcome
from appctl.talk.wire import Json, JsonValue, get_object, get_str, options

if TYPE_CHECKING:
    from jeepney import Message
    from jeepney.io.blocking import DBusConnection

NAME = "org.appctl.Installer1"
ROOT = "/org/appctl/Installer1"
MANAGER = f"{NAME}.Manager"
JOB = f"{NAME}.Job"
REMOTE = f"{NAME}.Remote"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"

ALLOW_INTERACTION = 0x4  # the message flag ALLOW_INTERACTIVE_AUTHORIZATION: polkit may ask the person
_NO_REPLY = 1  # a flag of the message protocol (D-Bus specification)
KEPT_SIGNALS = 10_000  # while a call waits; a job sends some five a second
# A daemon started anew does not know the job, or nobody is there.
_NOT_THERE = frozenset(
    {"DaemonUnavailable", "UnknownObject", "UnknownMethod", "UnknownInterface", "NotFound"}
)

Listener = Callable[[Mapping[str, JsonValue]], None]
Typist = Callable[[Json], "Json | None"]
"""Gets the login that a job waits for from a person; None where there is none."""


class Manner(NamedTuple):
    """How a job is waited for: who is told of it, who is asked for a login, whether it is left alone.

    `interrupted` is called once its end was asked for, before it came.
    """

    listener: Listener
    typist: Typist = lambda _refused: None
    detach: bool = False
    interrupted: Callable[[], None] = lambda: None

    def is_content(self, state: str) -> bool:
        """Whether there is no more to wait for."""
        return state in FINAL or (self.detach and state != "authorizing")


class Bus:
    """A connection to one scope's bus."""

    def __init__(self, connection: "DBusConnection", scope: Scope, *, interactive: bool) -> None:
        self.scope = scope
        self._connection = connection
        self._flags = ALLOW_INTERACTION if interactive else 0
        self._signals: deque[Message] = deque(maxlen=KEPT_SIGNALS)
        self._owner = ""  # unique name of the daemon, as the bus said
        self._daemon = ""  # and of the one that made the job that is waited for

    @classmethod
    def open(cls, scope: Scope, *, interactive: bool, descriptors: bool = False) -> Self:
        """Connect to the scope's bus, to send descriptors too if that is said. Raises Failure."""
        from jeepney.auth import AuthenticationError
        from jeepney.io.blocking import open_dbus_connection

        try:
            connection = open_dbus_connection(_address(scope), enable_fds=descriptors)
        except (OSError, AuthenticationError, RuntimeError, KeyError, ValueError) as error:
            raise unreachable(scope, error) from error
        return cls(connection, scope, interactive=interactive)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def manager(self, member: str, signature: str = "", *body: object) -> list[JsonValue]:
        """Call the Manager. Raises Failure."""
        return self.call(ROOT, MANAGER, member, signature, *body)

    def call(
        self, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> list[JsonValue]:
        """Call any method of the daemon and wait for its answer. Raises Failure.

        Dictionaries in the body are made into `a{sv}`.
        """
        return values(self._called(path, interface, member, signature, *body))

    def properties(self, path: str, interface: str) -> Json:
        """Read all properties of one object."""
        return as_object(self.call(path, PROPERTIES, "GetAll", "s", interface)[0])

    def objects(self, interface: str) -> dict[str, Json]:
        """Every object that has the interface: path and properties."""
        found = as_object(self.call(ROOT, OBJECTS, "GetManagedObjects")[0])
        return {
            path: get_object(as_object(item), interface)
            for path, item in found.items()
            if isinstance(item, dict) and interface in item
        }

    def known_names(self) -> set[str]:
        """Return the names of who is on the bus, or would be started by a call. Raises Failure."""
        lists = [values(self._driver(member, ""))[0] for member in ("ListNames", "ListActivatableNames")]
        return {str(name) for names in lists if isinstance(names, list) for name in names}

    def run_job(self, manner: Manner, member: str, signature: str, *body: object) -> Outcome:
        """Start a job with a Manager method, and wait for its end. Raises Failure without one.

        One that is detached is waited for until somebody authorized it: polkit asks about who is still there.
        """
        made = self._called(ROOT, MANAGER, member, signature, *body)
        self._daemon = header(made, "sender")
        self._watch(self._daemon)
        with Interrupts() as interrupts:
            return self._wait(str(values(made)[0]), manner, interrupts)

    def _wait(self, path: str, manner: Manner, interrupts: Interrupts) -> Outcome:
        job = self._job(path)
        # What was told before that answer is older than it; that the daemon left is not about the job.
        self._signals = deque(filter(is_about_owner, self._signals), maxlen=KEPT_SIGNALS)
        manner.listener(job)
        left = told = answered = False
        while not manner.is_content(get_str(job, "State")):
            if get_str(job, "State") == "needs-credentials" and not (answered or interrupts.count):
                answered = True
                left = not self._answer(path, manner.typist, interrupts)
            if interrupts.count and not told:
                told = True
                if not left:  # once: a second one would come from nobody of the job's, and end it for others
                    self._cancel(path)  # first, so that who leaves at once has asked
                manner.interrupted()
            message = self._next(interrupts.descriptor)
            if message is not None and self._concerns(message, path):
                job |= changes(message)
                manner.listener(job)
        job = self._end_of(path, job)
        if manner.detach and get_str(job, "State") not in FINAL:
            return Outcome.detached(path)
        return outcome(job)

    def _job(self, path: str) -> Json:
        """Read the job from the daemon that made it, and from no other. Raises Failure."""
        reply = self._send(self._daemon, path, PROPERTIES, "GetAll", "s", (JOB,))
        if is_undelivered(reply):
            raise gone()
        try:
            return as_object(values(self._good(reply))[0])
        except Failure as failure:
            if failure.name in _NOT_THERE:
                raise gone() from failure
            raise

    def _end_of(self, path: str, told: Json) -> Json:
        """Read a job a last time; where the daemon ended with it, what it told before stands."""
        try:
            return self._job(path)
        except Failure:
            if get_str(told, "State") in FINAL:
                return told
            raise

    def _answer(self, path: str, typist: Typist, interrupts: Interrupts) -> bool:
        """Give the job the login that it waits for; who has none cancels it. Whether it is still wanted."""
        login: Json | None = None
        with interrupts.at_once():
            login = typist(get_object(self._job(path), "ErrorDetails"))
        if login is None:
            self._cancel(path)
            return False
        try:
            self._called(path, JOB, "Provide", "a{sv}", login)
        except Failure as failure:
            if failure.name not in _NOT_THERE:  # it waits no longer: its end says why
                raise
        return True

    def _cancel(self, path: str) -> None:
        """Ask for the end and do not wait; whether it is granted or refused, the job's state tells."""
        from jeepney import DBusAddress, new_method_call

        address = DBusAddress(path, bus_name=self._daemon, interface=JOB)
        message = new_method_call(address, "Cancel", "a{sv}", ({},))
        message.header.flags |= self._flags | _NO_REPLY
        with contextlib.suppress(OSError):
            self._connection.send(message, serial=next(self._connection.outgoing_serial))

    def _concerns(self, message: "Message", path: str) -> bool:
        """Whether a signal is about our job and from the daemon. Raises Failure when the daemon went away."""
        member, sender = header(message, "member"), header(message, "sender")
        if is_about_owner(message):
            if message.body[0] == self._daemon and not message.body[2]:
                raise gone()
            return False
        if sender != self._daemon:
            return False
        if member == "JobFinished":
            return bool(message.body[0] == path)
        return member == "PropertiesChanged" and header(message, "path") == path

    def _called(self, path: str, interface: str, member: str, signature: str, *body: object) -> "Message":
        """Call the daemon; once more if it had left meanwhile, so that it never got the call."""
        arguments = tuple(options(item) if isinstance(item, dict) else item for item in body)
        call = (path, interface, member, signature, arguments)
        if self._owner:
            answer = self._send(self._owner, *call)
            if not is_undelivered(answer):
                return self._good(answer)
        self._owner = self._find()
        return self._good(self._send(self._owner, *call))

    def _find(self) -> str:
        """Ask the bus who the daemon is, after starting it if nobody is. Raises Failure."""
        try:
            return str(self._driver("GetNameOwner", "s", NAME).body[0])
        except Failure:
            self._driver("StartServiceByName", "su", NAME, 0)
        return str(self._driver("GetNameOwner", "s", NAME).body[0])

    def _watch(self, name: str) -> None:
        """Hear of the end of a name. A daemon that works on may have given up its well-known one."""
        rule = f"type='signal',sender='{DRIVER}',member='NameOwnerChanged',arg0='{name}'"
        self._driver("AddMatch", "s", rule)

    def _driver(self, member: str, signature: str, *body: object) -> "Message":
        return self._good(self._send(DRIVER, "/org/freedesktop/DBus", DRIVER, member, signature, body))

    def _send(
        self, name: str, path: str, interface: str, member: str, signature: str, body: tuple[object, ...]
    ) -> "Message":
        """Call a method of a unique name or of the bus; gives its reply, or the bus's own. Raises Failure."""
        from jeepney import DBusAddress, new_method_call

        address = DBusAddress(path, bus_name=name, interface=interface)
        message = new_method_call(address, member, signature or None, body)
        message.header.flags |= self._flags
        serial = next(self._connection.outgoing_serial)
        try:
            self._connection.send(message, serial=serial)
            while True:
                answer = self._connection.receive()
                if header(answer, "sender") not in {name, self._owner, DRIVER}:
                    continue  # somebody else's; kept, enough of them would push out what we wait for
                if is_reply(answer, serial, name):
                    return answer
                self._signals.append(answer)
        except UnicodeEncodeError as error:  # an option's value; names are looked at before (names.py)
            raise usage("a word of the command line is no UTF-8 text, and cannot be asked about") from error
        except OSError as error:
            raise unreachable(self.scope, error) from error

    def _good(self, answer: "Message") -> "Message":
        """Return a reply that is no error. Raises Failure."""
        from jeepney import MessageType

        if answer.header.message_type is MessageType.error:
            raise failure_of(self.scope, header(answer, "error_name"), answer)
        return answer

    def _next(self, wake: int) -> "Message | None":
        """Wait for the next signal; None when `wake` became readable first. Raises Failure."""
        if self._signals:
            return self._signals.popleft()
        try:
            with contextlib.suppress(TimeoutError):
                return self._connection.receive(timeout=0)  # what came with an earlier read
            waiting: list[int] = [self._connection.sock.fileno(), wake]
            if wake in select.select(waiting, [], [])[0]:
                os.read(wake, 64)
                return None
            with contextlib.suppress(TimeoutError):
                return self._connection.receive(timeout=0)
        except OSError as error:
            raise gone() from error
        return None


def _address(scope: Scope) -> str:
    if scope is Scope.SYSTEM:
        return "SYSTEM"
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return "SESSION"
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return f"unix:path={runtime}/bus"
    raise Failure(
        "DaemonUnavailable",
        "no session bus here (DBUS_SESSION_BUS_ADDRESS is not set)",
        "log in to a session of your own, or: dbus-run-session -- appctl --user …",
    )
