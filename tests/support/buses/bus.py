# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A private bus: the real dbus-daemon on a socket in a temporary directory, and a client of another library.

Guarantees that nothing of the machine's own buses is touched and that the daemon is gone at the end.
"""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call
from jeepney.bus_messages import MatchRule
from jeepney.io.asyncio import DBusRouter, open_dbus_connection
from jeepney.io.blocking import open_dbus_connection as open_blocking

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{listen}</listen>
  <auth>EXTERNAL</auth>
  {limits}
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

NAME = "org.appctl.Installer1"
ROOT = "/org/appctl/Installer1"
MANAGER = f"{NAME}.Manager"
JOB = f"{NAME}.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"
ERROR = f"{NAME}.Error."
PATIENCE = 100.0  # seconds; ends a hang: a job on a busy machine takes up to half a minute

NO_REPLY, INTERACTIVE = 1, 4  # message flags of the D-Bus specification


@contextmanager
def private_bus(
    directory: Path, listen: str = "", limits: Mapping[str, int] = MappingProxyType({})
) -> Iterator[str]:
    """Run a bus, on a socket in the directory if nothing else is said; gives its address.

    It has dbus-daemon's own limits, which are those of the system bus, but for `limits`, and starts on demand
    what has a file in the directory's `services`.
    """
    lines = "".join(f'<limit name="{name}">{number}</limit>' for name, number in limits.items())
    config = directory / "bus.conf"
    config.write_text(
        CONFIG.format(
            listen=listen or f"unix:path={directory / 'bus'}", limits=lines, services=directory / "services"
        )
    )
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        try:
            address = daemon.stdout.readline().strip()
            assert address, "dbus-daemon did not start"
            yield address
        finally:
            daemon.terminate()


def has_owner(address: str, name: str) -> bool:
    """Whether somebody owns that name on the bus now."""
    bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    with closing(open_blocking(address)) as connection:
        reply = connection.send_and_get_reply(new_method_call(bus, "NameHasOwner", "s", (name,)))
        return bool(reply.body[0])


def wait_for_owner(address: str, name: str, program: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait until the program that was started has taken that name on the bus.

    Raises AssertionError when the program ends instead, or does not take the name in so many seconds.
    """
    end = time.monotonic() + seconds
    while not has_owner(address, name):
        assert program.poll() is None, f"what should own {name} has ended: {program.returncode}"
        assert time.monotonic() < end, f"nobody owns {name} after {seconds:.0f} seconds"
        time.sleep(0.01)


class Client:
    """A caller on the bus, by jeepney. Every signal that reaches it is in `signals`, but for NameAcquired."""

    def __init__(self, router: DBusRouter, name: str) -> None:
        self.router = router
        self.name = name
        self.signals: asyncio.Queue[Message] = asyncio.Queue()

    async def call(
        self,
        member: str,
        signature: str = "",
        *body: object,
        path: str = ROOT,
        interface: str | None = MANAGER,
        destination: str = NAME,
        interactive: bool = False,
    ) -> tuple[str, Any]:
        """Call; gives the error's name (empty when it went well) and the body."""
        address = DBusAddress(path, destination, interface)
        message = new_method_call(address, member, signature or None, body)
        if interactive:
            message.header.flags |= INTERACTIVE
        reply = await asyncio.wait_for(self.router.send_and_get_reply(message), PATIENCE)
        if reply.header.message_type is MessageType.error:
            return str(reply.header.fields[HeaderFields.error_name]), reply.body
        return "", reply.body

    async def get_all(self, path: str, interface: str) -> dict[str, Any]:
        """Every property, without its signature."""
        error, body = await self.call("GetAll", "s", interface, path=path, interface=PROPERTIES)
        assert not error, body
        return {name: value for name, (_, value) in body[0].items()}

    async def subscribe(self, rule: str = "type='signal'") -> None:
        """Let broadcasts reach this client."""
        bus = "org.freedesktop.DBus"
        error, body = await self.call(
            "AddMatch", "s", rule, path="/org/freedesktop/DBus", interface=bus, destination=bus
        )
        assert not error, body

    async def signal(self, member: str) -> Any:  # noqa: ANN401 - bodies are as the XML says
        """Wait for the next signal of that name; gives its body."""
        while True:
            message = await asyncio.wait_for(self.signals.get(), PATIENCE)
            if message.header.fields.get(HeaderFields.member) == member:
                return message.body


@asynccontextmanager
async def client(address: str) -> AsyncIterator[Client]:
    """A connection of its own."""
    connection = await open_dbus_connection(address)
    async with DBusRouter(connection) as router:
        caller = Client(router, router.unique_name)
        pump = asyncio.create_task(_pump(router, caller))
        try:
            yield caller
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
    await connection.close()


async def _pump(router: DBusRouter, caller: Client) -> None:
    """NameAcquired comes right after the answer to Hello: on a busy machine late enough to be seen here."""
    with router.filter(MatchRule(type="signal"), bufsize=100_000) as queue:
        while True:
            message = await queue.get()
            if message.header.fields.get(HeaderFields.member) != "NameAcquired":
                caller.signals.put_nowait(message)


async def program(*command: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a program to its end; gives its exit code and what it printed, errors too."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=env
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode()
