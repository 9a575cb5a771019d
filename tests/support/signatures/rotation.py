# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A remote whose keys are changed by keyring updates: real gpg, real sandboxes, no bus.

    yard = Rotating(tmp_path, keys)
    yard.trust("acme", old)
    yard.apply(yard.update(yard.statement(new), old, new))

Statements are JSON as docs/key-rotation.md shows it; `changes` replace members.
"""

import asyncio
import base64
import json
import time
from contextlib import ExitStack
from pathlib import Path

from appctld.config.remote import Remote
from appctld.jobs.publishers.remotes import RemoteBook
from appctld.jobs.reporting.observer import Nobody
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import Platform
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.scope import code_directories
from appctld.state.paths import Paths
from appctld.system.sandbox import Bubblewrap
from appctld.system.worker import Processes
from support.signatures.keys import Keys

DAY = 24 * 3600
NOW = int(time.time())
URL = "https://quay.io/acme"


def text(data: bytes) -> str:
    """Base64, on one line."""
    return base64.b64encode(data).decode()


def lines(*messages: bytes) -> bytes:
    """The file of an update."""
    return b"".join(base64.b64encode(message) + b"\n" for message in messages)


class Remembering(Tools):
    """Lets the keyring worker read each keyring once: for the same bytes it would say the same again."""

    async def import_keys(self, keys: bytes) -> tuple[bytes, tuple[str, ...]]:
        """See `Tools.import_keys`; what it refuses it refuses every time."""
        if keys not in _READ:
            _READ[keys] = await super().import_keys(keys)
        return _READ[keys]


_READ: dict[bytes, tuple[bytes, tuple[str, ...]]] = {}


class Rotating(ExitStack):
    """One scope's remotes, and a publisher's keys."""

    def __init__(self, directory: Path, keys: Keys) -> None:
        super().__init__()
        self.keys = keys
        self.paths = Paths(directory / "state")
        self.paths.create()
        self.configuration = directory / "remotes.d"
        launcher = Bubblewrap(tuple(sorted(code_directories())))
        self.tools = Remembering(Processes(), launcher, self.paths, Platform("linux", "amd64"), Gate())
        self.book = RemoteBook([self.configuration], self.tools, Nobody)

    def trust(self, name: str, *fingerprints: str, **settings: str) -> None:
        """Add a remote with these keys."""
        texts = {"url": URL, **{key.replace("_", "-"): value for key, value in settings.items()}}
        asyncio.run(self.book.add(name, texts, self.keys.export(*fingerprints) if fingerprints else b""))

    def modify(self, name: str, **settings: str) -> None:
        """As the administrator does."""
        texts = {key.replace("_", "-"): value for key, value in settings.items()}
        asyncio.run(self.book.modify(name, texts))

    def remove(self, name: str) -> None:
        """As the administrator does."""
        asyncio.run(self.book.remove(name))

    def statement(self, *fingerprints: str, **changes: Json) -> bytes:
        """What signers sign: these keys are the new ones."""
        members: JsonObject = {
            "type": "appctl keyring update",
            "remote": "acme",
            "serial": 1,
            "expires": NOW + 30 * DAY,
            "threshold": 1,
            "keys": [text(self.keys.export(fingerprint)) for fingerprint in fingerprints],
        }
        return json.dumps({**members, **changes}).encode()

    def update(self, statement: bytes, *signers: str) -> bytes:
        """The statement, signed by each, as a file; a subkey's fingerprint means that very subkey."""
        return lines(*(self.keys.sign(statement, signer) for signer in signers))

    def apply(self, update: bytes, name: str = "acme") -> None:
        """`appctl remote modify NAME --keyring-update FILE`."""
        asyncio.run(self.book.rotate(name, update))

    def remote(self, name: str = "acme") -> Remote:
        """As it is now."""
        return next(remote for remote in self.book.all() if remote.name == name)

    def files(self) -> dict[str, bytes]:
        """The configuration, byte for byte."""
        return {path.name: path.read_bytes() for path in sorted(self.configuration.iterdir())}
