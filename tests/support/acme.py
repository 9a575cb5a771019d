# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Acme, a publisher under its own name: quay.io/acme, with signatures at https://sigs.acme.example.

    with town(work) as (acme, machine):       inside namesakes.inside

registry.corp, which wants a login, stands beside it. Registries speak TLS at port 443; keys, skopeo and the
daemon of the system scope are real. Images hold this machine's shell, so that they run.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from support.images.greeter import minimal_root
from support.images.images import CREATED, Settings
from support.machines.machine import Machine
from support.machines.namesakes import HOME, servers_are_up
from support.publishers.publisher import Publisher
from support.servers.lookaside import Lookaside
from support.servers.registry import Registry

NAMES = ("quay.io", "sigs.acme.example", "registry.corp")
USER, PASSWORD = "alice", "correct-horse-battery"
PROGRAM = "/usr/bin/app"
NOISE = 300_000  # bytes of each version's own layer


class Acme(Publisher):
    """The publisher. `key` signs, `corp` is the registry of another one."""

    def __init__(self, directory: Path, identity: Path) -> None:
        directory.mkdir()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(identity)
        signatures = Lookaside(directory / "signatures", "sigs.acme.example", tls)
        signatures.directory.mkdir()
        super().__init__(directory, _named(directory / "registry", "quay.io", identity), signatures)
        self.corp = _named(directory / "corp", "registry.corp", identity, {USER: PASSWORD})
        self.key = ""
        self.shares: dict[str, Mapping[str, bytes]] = {}  # of an app what its images have in /usr/share

    def introduce(self) -> Path:
        """Make the key; the file that the publisher gives away."""
        self.key = self.keys.make("Acme", address="rel@acme.example")
        file = self.directory / "acme.asc"
        file.write_bytes(self.keys.export(self.key, armor=True))
        return file

    def image(
        self,
        app: str,
        version: str,
        asks: str = "",
        *,
        size: int = 0,
        shares: bool = True,
        noise: int = NOISE,
    ) -> str:
        """Build a version: a root that all have if it `shares`, and a layer of its own; its tag.

        `asks` are the lines of its [Context]; `size` is how many bytes it says that it has.
        `noise` is about how many bytes are its own.
        """
        tag = f"{app}-{version}"
        metadata = f"[Application]\nname={app}\ncommand={PROGRAM}\n[Context]\n{asks}"
        settings = Settings(
            entrypoint=(PROGRAM,),
            labels={
                "org.appctl.id": app,
                "org.opencontainers.image.version": version,
                "org.appctl.metadata": metadata,
                **({"org.flatpak.installed-size": str(size)} if size else {}),
            },
            created=CREATED + timedelta(days=int(version.replace(".", ""))),
        )
        shared = [self._root()] if shares else []
        own = self._program(tag, metadata, noise)
        for path, data in self.shares.get(app, {}).items():
            (own / "usr/share" / path).parent.mkdir(parents=True, exist_ok=True)
            (own / "usr/share" / path).write_bytes(data)
        self.layout.build(tag, [*shared, own], settings)
        return tag

    def release(
        self, name: str, app: str, version: str, asks: str = "", *, key: str = "", size: int = 0
    ) -> None:
        """Build a version and push it, signed, as `quay.io/NAME`."""
        self.push(self.image(app, version, asks, size=size), name, key or self.key)

    def unsigned(self, tag: str, name: str) -> str:
        """Push an image that nobody signs; its digest."""
        return self.registry.push(self.layout.source(tag), name)

    def _root(self) -> Path:
        root = self.directory / "root"
        if not root.exists():
            minimal_root(root)
        return root

    def _program(self, tag: str, metadata: str, noise: int) -> Path:
        layer = self.directory / tag
        program = layer / PROGRAM.lstrip("/")
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho This is {tag}.\n")
        program.chmod(0o755)
        (layer / "app").mkdir()
        (layer / "app/metadata").write_text(metadata)
        (layer / "usr/share").mkdir()
        (layer / "usr/share/noise").write_bytes(os.urandom(noise))
        return layer


def _named(directory: Path, name: str, identity: Path, users: dict[str, str] | None = None) -> Registry:
    """A registry at port 443 of a name."""
    directory.mkdir()
    registry = Registry(directory, users=users, named=name)
    registry.identity = identity
    return registry


@contextmanager
def town(work: Path) -> Iterator[tuple[Acme, Machine]]:
    """The publisher, and a machine that knows nobody yet; `work` is that of namesakes.inside."""
    with ExitStack() as stack:
        acme = stack.enter_context(Acme(work / "acme", work / "server.pem"))
        stack.enter_context(acme.corp)
        servers_are_up()
        machine = stack.enter_context(Machine(work / "machine", measured=False, scope="system"))
        machine.environment["HOME"] = str(HOME)
        (HOME / "Documents").mkdir()
        yield acme, machine
