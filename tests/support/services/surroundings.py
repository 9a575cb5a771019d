# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""NetworkManager, UPower and logind on a private bus, by python-dbusmock: what they say, a test says.

    with around(address) as machine:
        machine.say(METERED, 1)

dbusmock runs under the distribution's Python, of which it is a package.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

MOCK = "org.freedesktop.DBus.Mock"
SECONDS = 60.0  # on a busy machine, for a service that begins or is told something
NETWORK, POWER, LOGIN = "org.freedesktop.NetworkManager", "org.freedesktop.UPower", "org.freedesktop.login1"
DISPLAY = "/org/freedesktop/UPower/devices/DisplayDevice"
SERVICES = {NETWORK: NETWORK, POWER: POWER, LOGIN: f"{LOGIN}.Manager"}
"""Each name, and the interface of its first object."""

METERED, STATE = (NETWORK, "Metered", "u"), (NETWORK, "State", "u")
ON_BATTERY, WARNING = (POWER, "OnBattery", "b"), (POWER, "WarningLevel", "u")
SLEEPING, DYING = (LOGIN, "PreparingForSleep", "b"), (LOGIN, "PreparingForShutdown", "b")
QUIET = {METERED: 4, STATE: 70, ON_BATTERY: False, WARNING: 1, SLEEPING: False, DYING: False}
"""What they say of a machine at home and at a socket."""

Said = tuple[str, str, str]
INHIBIT = """
fd = os.open({file!r}, os.O_WRONLY)
ret = dbus.types.UnixFd(fd)
os.close(fd)
"""


@dataclass
class Around:
    """The services; each is a process."""

    connection: DBusConnection
    address: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def say(self, what: Said, value: object) -> None:
        """From now on that is so."""
        name, member, signature = what
        path, interface = _object(what)
        self._mock(name, path, "UpdateProperties", "sa{sv}", interface, {member: (signature, value)})

    def quiet(self) -> None:
        """From now on nothing is the matter."""
        for what, value in QUIET.items():
            self.say(what, value)

    def inhibit_with(self, file: str = os.devnull) -> None:
        """What logind's Inhibit gives is that file, opened to be written; of a pipe its writing end."""
        code = INHIBIT.format(file=file)
        self._mock(LOGIN, _path(LOGIN), "AddMethod", "sssss", SERVICES[LOGIN], "Inhibit", "ssss", "h", code)

    def inhibitors(self) -> list[list[Any]]:
        """The arguments of every call of Inhibit."""
        (calls,) = self._mock(LOGIN, _path(LOGIN), "GetCalls", "")
        return [[value for _, value in given] for _, name, given in calls if name == "Inhibit"]

    def start(self, name: str) -> None:
        """Let it be there."""
        command = ["/usr/bin/python3", "-m", "dbusmock", "--session", name, _path(name), SERVICES[name]]
        self.processes[name] = subprocess.Popen(command, env={"DBUS_SESSION_BUS_ADDRESS": self.address})
        end = time.monotonic() + SECONDS
        while not self._is_there(name):
            assert time.monotonic() < end, f"{name} does not come"
            time.sleep(0.02)
        if name == POWER:
            interface = f"{POWER}.Device"
            self._mock(POWER, _path(POWER), "AddObject", "ssa{sv}a(ssss)", DISPLAY, interface, {}, [])
        if name == LOGIN:
            self.inhibit_with()
        for what, value in QUIET.items():
            if what[0] == name:
                path, interface = _object(what)
                self._mock(name, path, "AddProperty", "ssv", interface, what[1], (what[2], value))

    def end(self, name: str) -> None:
        """Let it be gone."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def end_all(self) -> None:
        """Let them all be gone."""
        for name in list(self.processes):
            self.end(name)

    def _is_there(self, name: str) -> bool:
        bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        reply = self.connection.send_and_get_reply(new_method_call(bus, "NameHasOwner", "s", (name,)))
        return bool(reply.body[0])

    def _mock(self, name: str, path: str, member: str, signature: str, *body: object) -> tuple[Any, ...]:
        address = DBusAddress(path, name, MOCK)
        message = new_method_call(address, member, signature or None, body)
        reply = self.connection.send_and_get_reply(message, timeout=SECONDS)
        assert reply.header.message_type is MessageType.method_return, reply.body
        return tuple(reply.body)


def _path(name: str) -> str:
    return f"/{name.replace('.', '/')}"


def _object(what: Said) -> tuple[str, str]:
    if what is WARNING:
        return DISPLAY, f"{POWER}.Device"
    return _path(what[0]), SERVICES[what[0]]


@contextmanager
def around(address: str, *names: str) -> Iterator[Around]:
    """Run these services, or all, on the bus at that address."""
    with ExitStack() as stack:
        connection = open_dbus_connection(address)
        stack.callback(connection.close)
        found = Around(connection, address)
        stack.callback(found.end_all)
        for name in names or SERVICES:
            found.start(name)
        yield found
