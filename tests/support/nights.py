# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A machine with one app after the other, a newer version of each, and what its services say in the night.

    night.begin("org.appctl.Owl", runs=False)
    night.push("2")
    night.decide("install")
    assert night.goes() == "installed"

What becomes of an update that nobody asked for is one word, those of docs/background-updates.md.
"""

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from io import RawIOBase
from pathlib import Path
from typing import Any

import pytest
from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection

from support.buses.bus import MANAGER, NAME, ROOT, client
from support.images.greeter import minimal_root
from support.images.images import CREATED, pack
from support.layers.tarball import archive, directory, entry
from support.machines.machine import BIN, Machine
from support.publishers.forge import Forgery
from support.publishers.publisher import Publisher
from support.services.surroundings import Around

PLAIN = "[Application]\nname={app}\ncommand=/usr/bin/greet\n"
Heard = tuple[str, tuple[Any, ...]]  # a signal's name, and its body
NETWORK = PLAIN + "[Context]\nshared=network;\n"


def fill(file: RawIOBase) -> None:
    """Write for ever."""
    while True:
        file.write(bytes(4096))


class Night:
    """A machine, a publisher that it trusts, and the services around it."""

    def __init__(self, machine: Machine, publisher: Publisher, around: Around, work: Path) -> None:
        self.machine, self.publisher, self.around, self.work = machine, publisher, around, work
        self.app = ""
        self._day = 0
        self._before: set[str] = set()
        self._below: list[bytes] = []
        work.mkdir()
        self.key, self.other = publisher.keys.make("acme"), publisher.keys.make("mallory")
        file = work / "acme.asc"
        file.write_bytes(publisher.keys.export(self.key, armor=True))
        url = f"oci+http://{publisher.registry.host}/acme"
        machine.appctl("--user", "remote", "add", "acme", url, "--gpg-import", str(file),
                       "--lookaside", publisher.lookaside.url)  # fmt: skip

    @property
    def address(self) -> str:
        """Of the bus that everybody is on."""
        return self.machine.environment["DBUS_SESSION_BUS_ADDRESS"]

    def begin(self, app: str, *, runs: bool) -> None:
        """Have version 1 of an app that was not here before, and perhaps runs; nothing is the matter."""
        self.app, self._below = app, [self._shell()] if runs else []
        self.around.quiet()
        self.push("1")
        assert not asyncio.run(self._job("Install", [self.reference]))

    def end(self) -> None:
        """Have it no longer."""
        assert not asyncio.run(self._job("Uninstall", [self.app]))

    @property
    def reference(self) -> str:
        """What the app is installed from."""
        return f"acme/{self.app.rpartition('.')[2].lower()}:1"

    def push(self, version: str, metadata: str = PLAIN, key: str = "") -> None:
        """Publish a version, younger than the last."""
        self._day += 1
        text = metadata.format(app=self.app)
        files = (entry("app/metadata", content=text.encode()), entry("app/version", content=version.encode()))
        image = Forgery([*self._below, archive(directory("app"), *files)])
        image.config["created"] = (CREATED + timedelta(days=self._day)).isoformat()
        image.config["config"]["Labels"] = {
            "org.appctl.id": self.app,
            "org.appctl.metadata": text,
            "org.opencontainers.image.version": version,
        }
        image.push(self.publisher, self.reference, key or self.key)

    def _shell(self) -> bytes:
        """A layer of what it takes to run a script."""
        tar = self.work / "shell.tar"
        pack(minimal_root(self.work / "shell", ("/bin/sh", "/bin/cat")), tar)
        return tar.read_bytes()

    def look(self) -> None:
        """What is here now is here before the night."""
        self._before = self.machine.refs()

    def decide(self, policy: str) -> None:
        """Say how far updates go by themselves."""
        asyncio.run(self._decide(policy))

    def goes(self) -> str:
        """What becomes of an update that nobody asked for."""
        error = asyncio.run(self._job("Update", [], background=("b", True))).rpartition(".")[2]
        app, fetched = self.facts(), bool(self.machine.refs() - self._before)
        if error:
            assert (app["version"], fetched) == ("1", error == "NeedsApproval"), error
            return "waits" if fetched else error
        if app["version"] != "1":
            return "installed"
        return "fetched" if fetched else "found" if app["update-available"] else "nothing"

    @contextmanager
    def with_daemon(self, *program: str, altered: str = "") -> Iterator[None]:
        """For the length of the block another daemon serves: of that program, or altered."""
        try:
            self._restart(program, altered)
            yield
        finally:
            self._restart((), "")

    @contextmanager
    def full(self) -> Iterator[None]:
        """For the length of the block nothing more can be written where the daemon has its state."""
        assert self.machine.daemon is not None
        filler = Path(f"/proc/{self.machine.daemon.pid}/root{self.machine.state}/filler")
        with filler.open("wb", buffering=0) as file:
            try:
                with pytest.raises(OSError, match="No space left"):
                    fill(file)
                yield
            finally:
                filler.unlink()

    def _restart(self, program: Sequence[str], altered: str) -> None:
        self.machine.stop()
        self.machine.program, self.machine.altered = program, altered
        self.machine.start()

    def facts(self) -> dict[str, Any]:
        """What List says of the app."""
        (found,) = asyncio.run(self._ask("List", "a{sv}", {}))
        return next(one for one in found if one["id"] == self.app)

    def last(self) -> dict[str, Any]:
        """What is kept of how the last one went."""
        return asyncio.run(self._last())

    @contextmanager
    def software_centre(self) -> Iterator[None]:
        """For the length of the block a client is there that handles updates."""
        connection = open_dbus_connection(self.address)
        manager = DBusAddress(ROOT, NAME, MANAGER)
        given = {"handles-updates": ("b", True)}
        reply = connection.send_and_get_reply(new_method_call(manager, "RegisterClient", "a{sv}", (given,)))
        assert reply.header.message_type is MessageType.method_return, reply.body
        try:
            yield
        finally:
            connection.close()

    @contextmanager
    def listening(self) -> Iterator[list[Heard]]:
        """What another client hears by the end of the block, without having asked for anything."""
        heard: list[Heard] = []
        connection = open_dbus_connection(self.address)
        bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        manager = DBusAddress(ROOT, NAME, MANAGER)
        try:
            rule = f"type='signal',sender='{NAME}'"
            connection.send_and_get_reply(new_method_call(bus, "AddMatch", "s", (rule,)))
            yield heard
            connection.send(new_method_call(manager, "CanAuthorize", "s", ("update",)))
            for message in iter(connection.receive, None):
                if message.header.message_type is not MessageType.signal:
                    break  # its answer, which comes after all that was told before
                heard.append((str(message.header.fields[HeaderFields.member]), message.body))
        finally:
            connection.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        """For the length of the block somebody runs the app, and has at its end what they had before."""
        script = "echo here; read line; cat /app/version"
        command = [str(BIN / "appctl"), "--user", "run", "--command=/bin/sh", self.app, "-c", script]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=self.machine.environment, stdin=pipe, stdout=pipe) as app:
            assert app.stdout is not None
            assert app.stdout.readline() == b"here\n"
            yield
            told, _ = app.communicate(b"go on\n", 60)
            assert (app.returncode, told) == (0, b"1")

    async def _decide(self, policy: str) -> None:
        async with client(self.address) as caller:
            assert await caller.call("SetAutomaticUpdatePolicy", "s", policy) == ("", ())

    async def _ask(self, member: str, signature: str, *body: object) -> list[list[dict[str, Any]]]:
        async with client(self.address) as caller:
            error, answer = await caller.call(member, signature, *body)
            assert not error, answer
            return [[{key: value for key, (_, value) in one.items()} for one in found] for found in answer]

    async def _last(self) -> dict[str, Any]:
        async with client(self.address) as caller:
            known = await caller.get_all(ROOT, MANAGER)
            return {key: value for key, (_, value) in known["LastAutomaticUpdate"].items()}

    async def _job(self, member: str, about: Sequence[str], **options: tuple[str, object]) -> str:
        """Let it be done; the error's name, empty where it went well."""
        async with client(self.address) as caller:
            error, (path,) = await caller.call(member, "asa{sv}", list(about), options)
            assert not error
            while True:
                job, _, name, *_ = await caller.signal("JobFinished")
                if job == path:
                    return str(name)
