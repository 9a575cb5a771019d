# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A service to put on a private bus: the real queue and the real server, with simulated rooms behind them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from appctld.bus.caller import Caller
from appctld.bus.polkit import Authorizer, SessionAuthorizer
from appctld.bus.serve import serve
from appctld.bus.server import Server
from appctld.bus.service import Service
from appctld.bus.wire.connection import Connection, connect
from appctld.config.mirrors import Mirror
from appctld.errors import Conflict, InvalidReference, NoRemote
from appctld.jobs.job import Job
from appctld.jobs.queue import Jobs, Perform
from appctld.jobs.reporting.observer import Observer
from appctld.jobs.requests import AnyRequest
from appctld.model.automatic import Extent
from appctld.model.jsonvalue import JsonObject
from appctld.model.override import Override
from support.buses.bus import NAME

INTERFACES = Path(__file__).parents[3] / "data" / "dbus"

EDITOR: JsonObject = {
    "id": "org.acme.Editor",
    "title": "Editor",
    "version": "1.4",
    "remote": "acme",
    "reference": "quay.io/acme/editor:latest",
    "tag": "latest",
    "scope": "user",
    "arch": "amd64",
    "image-digest": "sha256:" + "3" * 64,
    "commit": "4" * 64,
    "layers": ["sha256:" + "5" * 64],
    "signer": "E" * 40,
    "verify": "gpg",
    "signed-at": 1_700_000_000,
    "tag-bound": True,
    "installed-size": 5 << 32,
    "install-time": 1_700_000_001,
    "permissions": [["network", "", "leaves-sandbox"]],
    "ignored": [],
    "update-available": True,
    "update-version": "1.5",
}


@dataclass
class SimulatedHistory:
    """Keeps entries in a list, newest first."""

    entries: list[JsonObject] = field(default_factory=list)

    def __call__(self, wanted: Callable[[JsonObject], bool], limit: int | None) -> list[JsonObject]:
        return list(filter(wanted, self.entries))[: limit or None]


@dataclass
class SimulatedApps:
    """Keeps apps in a dictionary."""

    apps: dict[str, JsonObject] = field(default_factory=lambda: {"org.acme.Editor": dict(EDITOR)})

    def last_check_time(self) -> int:
        return 1_700_000_002

    def some(self, keys: Collection[str]) -> Sequence[JsonObject]:
        return [{key: facts[key] for key in facts.keys() & keys} for facts in self.apps.values()]

    def list(self) -> list[JsonObject]:
        return list(self.apps.values())


@dataclass
class SimulatedChoices:
    """Keeps what was decided, in its order."""

    decided: list[tuple[object, ...]] = field(default_factory=list)

    async def hold(self, app_id: str, uid: int, *, held: bool) -> None:
        self.decided.append(("hold", app_id, uid, held))

    async def permissions(self, app_id: str) -> Sequence[JsonObject]:
        return [{"kind": "shared", "value": "network", "risk": "", "asked": True, "approved": True,
                 "override": "deny", "by": 0, "when": 1}]  # fmt: skip

    async def override(self, app_id: str, uid: int, wanted: Sequence[Override]) -> None:
        self.decided.append(("override", app_id, uid, tuple(wanted)))


@dataclass
class SimulatedAutomatic:
    """Keeps what was said, in its order."""

    said: list[tuple[object, ...]] = field(default_factory=list)
    extent: Extent = Extent.INSTALL

    @property
    def last(self) -> JsonObject:
        return {"time": 1_700_000_004, "extent": "check", "because": ["metered"], "success": 1_700_000_004}

    async def stamp(self) -> object:
        return self.extent

    async def set(self, extent: Extent) -> None:
        self.said.append(("set", extent))
        self.extent = extent

    async def register(self, sender: str, uid: int, *, handles: bool) -> None:
        self.said.append(("register", sender, uid, handles))


@dataclass(frozen=True)
class SimulatedRemote:
    """What config/remotes.py would have read."""

    name: str
    url: str = "oci+https://quay.io/acme"
    title: str = "Acme"
    verify: str = "gpg"
    enabled: bool = True
    writable: bool = True
    origin: Path = Path("/etc/appctl/remotes.d/acme.conf")
    fingerprints: frozenset[str] = frozenset({"E" * 40})
    threshold: int = 1
    max_age: int = 0
    identity: str = "tag"
    lookaside: str | None = None
    auth_realm: str | None = None
    ca: bytes | None = None
    insecure: bool = False
    share: bool = True
    keep_blobs: bool = False
    strict: bool = False
    ids: tuple[str, ...] = ()
    deny_keys: frozenset[str] = frozenset()
    kind: str = "oci"
    prefix: str = "quay.io/acme"
    collection: str | None = None
    ed25519_keys: tuple[bytes, ...] = ()
    verify_commit: str = "no"
    proxy: str | None = None
    no_proxy: tuple[str, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    catalog: str = "appctl-catalog:latest"


@dataclass
class SimulatedRemotes:
    """Keeps remotes in a dictionary, and what it was asked to write in `written`."""

    remotes: dict[str, SimulatedRemote] = field(default_factory=lambda: {"acme": SimulatedRemote("acme")})
    written: list[tuple[str, dict[str, str], bytes | None, bytes | None, bytes | None]] = field(
        default_factory=list
    )
    rotated: list[tuple[str, bytes]] = field(default_factory=list)
    changed: Callable[[list[str]], None] = lambda _names: None

    def all(self) -> list[SimulatedRemote]:
        return list(self.remotes.values())

    async def stamp(self) -> object:
        return {**self.remotes}

    def find(self, text: str, remote: str = "") -> tuple[SimulatedRemote, object]:
        name, _, rest = text.partition("/")
        if name not in self.remotes:
            raise NoRemote(reference=text)
        if remote not in {"", name}:
            raise InvalidReference(f"{text} belongs to remote {name}, not to {remote}")
        return self.remotes[name], f"quay.io/acme/{rest}"

    def catalog(self, name: str) -> str:
        return f"/var/lib/appctl/catalogs/{name}/current/catalog.xml"

    def refreshed(self, name: str) -> int:
        return 1_700_000_003 if name == "acme" else 0

    def route(self, name: str) -> Mapping[str, object]:
        return {"address": f"http://proxy.{name}:3128", "from": "environment", "direct": [".corp"]}

    def introduce(self, data: bytes) -> Mapping[str, object]:
        """See jobs/publishers/introduction.py; here whatever comes is one key."""
        return {"name": "acme", "change": "add", "settings": {"gpg-keys": [data], "ids": ["a.*"]}}

    async def add(
        self,
        name: str,
        settings: dict[str, str],
        keys: bytes | None,
        ca: bytes | None,
        cosign_keys: bytes | None,
    ) -> None:
        if name in self.remotes:
            raise Conflict(f"remote {name} exists", remote=name)
        self.written.append((name, settings, keys, ca, cosign_keys))
        self.remotes[name] = SimulatedRemote(name, url=settings["url"])
        self.changed([name])

    async def modify(
        self,
        name: str,
        settings: dict[str, str],
        keys: bytes | None,
        ca: bytes | None,
        cosign_keys: bytes | None,
    ) -> None:
        self.written.append((name, settings, keys, ca, cosign_keys))
        self.remotes[name] = replace(self.remotes[name], title=settings.get("title", ""))
        self.changed([name])

    async def rotate(self, name: str, update: bytes) -> None:
        self.rotated.append((name, update))
        self.changed([name])

    async def remove(self, name: str) -> None:
        del self.remotes[name]
        self.changed([name])


@dataclass
class RecordingAuthorizer:
    """Says yes after it wrote down what it was asked; `before` runs in between."""

    asked: list[tuple[Caller, str, dict[str, str]]] = field(default_factory=list)
    before: Callable[[], Awaitable[object]] | None = None

    async def authorize(self, caller: Caller, action: str, details: Mapping[str, str]) -> None:
        self.asked.append((caller, action, dict(details)))
        if self.before is not None:
            await self.before()

    async def can(self, caller: Caller, action: str) -> str:
        return "challenge"


@dataclass
class Running:
    """A daemon on a bus, and the simulators behind it."""

    connection: Connection
    server: Server
    jobs: Jobs
    apps: SimulatedApps
    history: SimulatedHistory
    choices: SimulatedChoices
    remotes: SimulatedRemotes
    automatic: SimulatedAutomatic
    requests: list[AnyRequest]


async def _no_work(request: AnyRequest, job: Job, observer: Observer) -> None:
    return None


@asynccontextmanager
async def served(
    address: str,
    work: Perform = _no_work,
    *,
    authorizer: Authorizer | None = None,
    interfaces: Path = INTERFACES,
    daemon_uid: int | None = None,
) -> AsyncIterator[Running]:
    """Serve on the bus at `address`, under the well-known name."""
    requests: list[AnyRequest] = []

    async def perform(request: AnyRequest, job: Job, observer: Observer) -> None:
        requests.append(request)
        await work(request, job, observer)

    connection = await connect(address)
    jobs, apps, remotes = Jobs(perform), SimulatedApps(), SimulatedRemotes()
    history, choices, automatic = SimulatedHistory(), SimulatedChoices(), SimulatedAutomatic()
    uid = os.getuid() if daemon_uid is None else daemon_uid
    service = Service(
        jobs,
        apps,
        history,
        choices,
        remotes,
        automatic,
        authorizer or SessionAuthorizer(os.getuid()),
        "user",
        uid,
        "9.9",
    )
    try:
        server = await serve(connection, service, interfaces)
        remotes.changed = jobs.observer.remotes_changed
        await connection.own_name(NAME)
        yield Running(connection, server, jobs, apps, history, choices, remotes, automatic, requests)
    finally:
        await jobs.close()
        await asyncio.shield(connection.close())
