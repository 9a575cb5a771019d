# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the sentence works with: the workers, the places, and whom to tell; and how to ask a worker."""

import asyncio
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from appctld.config.network import Network
from appctld.config.policy.rules import Policy
from appctld.config.remote import Remote, no_remote
from appctld.config.remotes import KEYRING_BYTES
from appctld.errors import RegistryAuth, RegistryUnavailable
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_object, get_objects, get_str
from appctld.model.login import Login, login_for
from appctld.model.manifest import Platform
from appctld.model.ostreeref import AnyReference
from appctld.model.reference import Reference
from appctld.pipeline.answers import understood
from appctld.pipeline.exports.desktop import Desktop
from appctld.pipeline.gate import Gate
from appctld.pipeline.parallel import two_ends
from appctld.pipeline.records.stock import Stock, check_pulling
from appctld.state.paths import Paths
from appctld.system.aside import Aside
from appctld.system.pipes import collect, memory_file
from appctld.system.sandbox import Launcher
from appctld.system.worker import Program, Report, Runner

FETCH_DEADLINE = 60.0  # seconds for small documents; the fetcher gives up earlier on each connection
ANSWER_DEADLINE = 2 * FETCH_DEADLINE  # until all of them came: a fetcher takes a moment to start, and is kept
INDEX_DEADLINE = 300.0  # 32 MiB at 110 KiB/s
BLOB_DEADLINE = (
    6 * 3600.0
)  # a layer of a few GB on a slow line; a stalled one is ended by the fetcher's floor
KEYRING_DEADLINE = 30.0  # gpg reads at most 64 KiB
STORE_DEADLINE = 3600.0  # the largest layer on a slow disk
AUDIT_DEADLINE = 24 * 3600.0  # everything, at idle priority: 2 TB at 25 MB/s


class Progress(Protocol):
    """Whom the steps tell how far they are. Bytes are compressed layer bytes."""

    def stage(self, name: str) -> None:
        """A stage begins: resolving, verifying, downloading, importing, merging, deploying or exporting."""
        ...

    def expect(self, to_download: Mapping[str, int], here: Mapping[str, int]) -> None:
        """These layers are about to be brought, and need none: by their digests, with their sizes."""
        ...

    def downloaded(self, layer: str, so_far: int) -> None:
        """One layer, named by its digest, has come so far."""
        ...


class Bundle(Protocol):
    """A file that images are read from instead of a registry."""

    def duplicate(self) -> int:
        """A descriptor of it for a worker, which takes it over."""
        ...


class Silence:
    """Progress that nobody wants."""

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""

    def expect(self, to_download: Mapping[str, int], here: Mapping[str, int]) -> None:
        """See `Progress.expect`."""

    def downloaded(self, layer: str, so_far: int) -> None:
        """See `Progress.downloaded`."""


def unknown_remote(name: str, _reference: AnyReference) -> Remote:
    """The lookup of tools that belong to no job yet. Raises NoRemote."""
    raise no_remote(name)


def unix_now() -> int:
    """This machine's clock, in whole seconds since 1970."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Tools:
    """One job's tools."""

    # Of the daemon
    runner: Runner
    launcher: Launcher
    paths: Paths
    platform: Platform
    gate: Gate
    network: Network = field(default_factory=Network)
    """How servers are reached."""
    gunzip: str = "gzip"
    """The decoder."""
    desktop: Desktop = field(default_factory=Desktop)
    """What apps are exported to."""
    aside: Aside = field(default_factory=Aside)
    """Where all jobs, and nobody else, write state."""
    locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """Of layers, by their diffID: two jobs bring none twice."""
    now: Callable[[], int] = unix_now
    """The clock that images are judged by."""

    # Of the configuration, as it is at the moment of the call
    remote: Callable[[str, AnyReference], Remote] = unknown_remote
    """The remote of that name, if it covers the reference."""
    shares: Callable[[], Collection[str]] = tuple
    """The remotes whose layers others may use (R5)."""
    policy: Callable[[], Policy] = Policy
    """What the administrator forbids."""

    # Of this job
    progress: Progress = field(default_factory=Silence)
    logins: tuple[Login, ...] = ()
    allow_downgrade: bool = False
    """Somebody was authorized to install what is older (R9)."""
    accepted: frozenset[str] = frozenset()
    """Hashes of sets of permissions that somebody approved."""
    doubted: Mapping[str, Digest] = field(default_factory=dict)
    """The apps whose record a repair does not believe, and the digests that their commits name."""
    as_id: str = ""
    """The ID that somebody gave to the one image of this job in the place of its own."""
    bundle: Bundle | None = None
    """Where that image is read from, if somebody brought it."""
    stock: Stock | None = None
    """What is here of it, where nothing may be fetched."""

    async def fetch(
        self, request: JsonObject, *, fds: Mapping[str, int], report: Report, deadline: float = FETCH_DEADLINE
    ) -> JsonObject:
        """Ask a fetcher, the only process with a network: one that was there before, if it waits.

        A directory of images is shown to it instead of the network, or it is given a bundle. Which registry
        wants a login is said by us: nobody types one for a place that a fetcher made up.
        """
        check_pulling(self.stock, fds)
        module = "appctld.workers.fetch"
        layout = get_object(request, "layout", {})
        directory = get_str(layout, "directory", "")
        shown = [Path(directory)] if directory else []
        if self.bundle is not None and layout:
            fds = {**fds, "bundle": self.bundle.duplicate()}
        network = not layout and self.bundle is None
        command = self.launcher.worker(module, network=network, readable=shown)
        program = Program(
            module,
            command,
            deadline,
            self.launcher.environment,
            late=RegistryUnavailable,
            keep=json.dumps({key: request.get(key) for key in ENDPOINT}),
            writes=False,
        )
        try:
            return await self.runner.run(program, request, report, fds=fds)
        except RegistryAuth as error:
            error.data.update(_asked(request))
            raise

    async def store(
        self,
        request: JsonObject,
        *,
        fds: Mapping[str, int] | None = None,
        report: Report | None = None,
        deadline: float = STORE_DEADLINE,
    ) -> JsonObject:
        """Ask a store process, the only one that writes to the repository; one that waits, if any does."""
        module = "appctld.workers.store"
        command = self.launcher.worker(module, writable=(self.paths.root,))
        places: JsonObject = {
            "repo": str(self.paths.repo),
            "blobs": str(self.paths.blobs),
            "kept": str(self.paths.kept),
            "tar_split": str(self.paths.tar_split),
            "apps": str(self.paths.apps),
            "exports": str(self.paths.exports),
            "quarantine": str(self.paths.quarantine),
            "catalogs": str(self.paths.catalogs),
            "swcatalog": str(self.paths.swcatalog),
        }
        program = Program(module, command, deadline, self.launcher.environment, keep=module)
        return await self.runner.run(program, {**places, **request}, report or ignore, fds=fds or {})

    async def fetch_bytes(self, request: JsonObject, limit: int) -> tuple[JsonObject, bytes]:
        """Ask a fetcher for small documents: its answer, and at most `limit` bytes. Raises LimitExceeded.

        One that answers and does not let go of the pipe is no longer waited for, though it still lives.
        """
        reading, writing = os.pipe()
        asking = self.fetch(request, fds={"out": writing}, report=ignore)
        try:
            async with asyncio.timeout(ANSWER_DEADLINE):
                return await two_ends(asking, collect(reading, limit))
        except TimeoutError as error:
            raise RegistryUnavailable("a fetcher answered, and never came to its end") from error

    async def pull(
        self,
        remote: Remote,
        quarantine: Path,
        request: JsonObject,
        *,
        fds: Mapping[str, int] | None = None,
        report: Report | None = None,
        parent: Path | None = None,
        deadline: float = FETCH_DEADLINE,
    ) -> JsonObject:
        """Ask a puller, the only process with libostree that has a network; it writes into `quarantine`.

        A repository on this machine is shown to it instead of the network; so is `parent`, whose objects it
        leaves out.
        """
        check_pulling(self.stock, fds or {})
        module = "appctld.workers.pull"
        here = remote.repository.directory
        shown = tuple(path for path in (here, parent) if path is not None)
        command = self.launcher.worker(module, network=here is None, writable=(quarantine,), readable=shown)
        place: JsonObject = {
            "quarantine": str(quarantine),
            "url": remote.repository.url,
            "ca": self.network.authorities(remote.repository.host, remote.ca),
            "proxy": self.network.proxies(remote),
            "parent": str(parent) if parent else None,
        }
        program = Program(module, command, deadline, self.launcher.environment, late=RegistryUnavailable)
        return await self.runner.run(program, {**place, **request}, report or ignore, fds=fds or {})

    async def pull_bytes(
        self, remote: Remote, quarantine: Path, request: JsonObject, limit: int
    ) -> tuple[JsonObject, bytes]:
        """Ask a puller for small documents, as `fetch_bytes`. Raises LimitExceeded."""
        reading, writing = os.pipe()
        return await two_ends(
            self.pull(remote, quarantine, request, fds={"out": writing}), collect(reading, limit)
        )

    async def import_keys(self, keys: bytes) -> tuple[bytes, tuple[str, ...]]:
        """Public keys as the keyring that gpgv reads, and the fingerprints of its primary keys.

        Raises InvalidReference (no public keys), LimitExceeded.
        """
        module = "appctld.workers.keyring"
        command = self.launcher.worker(module)
        program = Program(module, command, KEYRING_DEADLINE, self.launcher.environment)
        source = memory_file("keys", keys)
        reading, writing = os.pipe()
        asking = self.runner.run(program, {"op": "import"}, ignore, fds={"in": source, "out": writing})
        answer, keyring = await two_ends(asking, collect(reading, KEYRING_BYTES))
        with understood("keyring worker"):
            return keyring, tuple(get_str(key, "fingerprint") for key in get_objects(answer, "keys"))

    def endpoint(self, remote: Remote, reference: Reference, *, login: bool = True) -> JsonObject:
        """Where a fetcher of this job may go, with the one login that was given for that place, if any."""
        logins = self.logins if login else ()
        return endpoint(remote, reference, logins, network=self.network, bundled=self.bundle is not None)


def _asked(request: JsonObject) -> dict[str, object]:
    """The repository that a fetcher was to ask, as `host[:port]` and the rest."""
    host = get_str(request, "registry", "").rpartition("/")[2]
    return {"host": host, "repository": get_str(request, "repository", "")}


def ignore(_facts: JsonObject) -> None:
    """The report of a worker whose progress nobody wants."""


NOTHING_ELSE = Network()
ENDPOINT = ("registry", "repository", "insecure", "auth_realm", "ca", "proxy", "credential", "layout")


def endpoint(
    remote: Remote,
    reference: Reference,
    logins: Iterable[Login] = (),
    *,
    network: Network = NOTHING_ELSE,
    bundled: bool = False,
) -> JsonObject:
    """Where a fetcher may go, and with what: at most the one login that was given for that place."""
    layout = _layout(remote, reference, bundled=bundled)
    scheme = "http" if remote.plain_http else "https"
    return {
        "registry": f"{scheme}://{reference.host}",
        "repository": reference.repository,
        "insecure": remote.insecure,
        "auth_realm": remote.auth_realm,
        "ca": None if layout else network.authorities(reference.host, remote.ca),
        "proxy": {} if layout else network.proxies(remote),
        "credential": None if layout else login_for(logins, reference),
        "layout": layout,
    }


def _layout(remote: Remote, reference: Reference, *, bundled: bool) -> JsonObject | None:
    """Where the images lie, if that is a bundle or a directory, and under which names."""
    if remote.directory is None and not bundled:
        return None
    return {
        "directory": None if bundled else str(remote.directory),
        "host": reference.host,
        "prefix": remote.covered.path,
        "unsigned": remote.verify == "none",
    }
