# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The remotes, for those who ask for one and those who change them.

Read anew at every call, so that an administrator's edit counts at once. Keys from outside are read
before they are written (newkeys.py).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from appctld.config.remote import Remote
from appctld.config.remotes import stamps
from appctld.config.store import RemoteStore
from appctld.errors import AppctlError, InUse, InvalidReference, PolicyDenied
from appctld.jobs.catalog.shelf import Catalogs
from appctld.jobs.publishers.introduction import introduce
from appctld.jobs.publishers.newkeys import NewKeys, read_keys
from appctld.jobs.publishers.rotation import apply_rotation
from appctld.jobs.reporting.observer import Observer
from appctld.model.jsonvalue import JsonObject
from appctld.model.ostreeref import AnyReference
from appctld.pipeline.tools import Tools
from appctld.state.layers import forget_remote
from appctld.state.pulled import forget_all_pulled
from appctld.state.records import installed
from appctld.state.refreshed import refreshed, remember_refreshed
from appctld.state.seen import carry_over
from appctld.state.serials import carry_serial
from appctld.trust.order import merge
from appctld.trust.rotation import Rotation, judge_update


class RemoteBook:
    """The remotes of one scope; `directories` in order of precedence, the writable one first."""

    def __init__(self, directories: Sequence[Path], tools: Tools, observer: Callable[[], Observer]) -> None:
        self._directories = tuple(directories)
        self._store = RemoteStore(self._directories, lambda remote: tools.policy().check_remote(remote))
        self._tools = tools
        self._observer = observer
        self._refreshed: dict[str, int] | None = None
        self._last: dict[str, Remote] = {}
        self.catalogs = Catalogs(tools)

    def all(self) -> list[Remote]:
        """Every remote, by name."""
        self._last = {remote.name: remote for remote in self._store.load()}
        return list(self._last.values())

    async def stamp(self) -> object:
        """What is another once any file of a remote is; none of them is read for it."""
        return await self._tools.aside(stamps, self._directories)

    def refreshed(self, name: str) -> int:
        """When it was last asked what it has; 0 for never."""
        if self._refreshed is None:
            self._refreshed = refreshed(self._tools.paths)
        return self._refreshed.get(name, 0)

    async def note_refreshed(self, name: str, when: int) -> None:
        """It was asked just now."""
        await self._tools.aside(remember_refreshed, self._tools.paths, name, when)
        self._refreshed = None
        self._observer().remote_refreshed(name)

    def catalog(self, name: str) -> str:
        """The path of the AppStream file of what a remote lists, if that is signed; empty without.

        No file is read for it: the remote is as `all` found it last.
        """
        remote = self._last.get(name)
        return str((remote and self.catalogs.path(remote)) or "")

    def route(self, name: str) -> JsonObject:
        """Through what it is asked, as far as everybody may know; the remote is as `all` found it last."""
        remote = self._last.get(name)
        return self._tools.network.route(remote) if remote else {}

    async def tidy_catalogs(self, tools: Tools | None = None) -> None:
        """Know what is here, and remove what was listed by remotes that were changed or removed meanwhile.

        libappstream is told of that, and of the apps as they are now; by a job with its own `tools`.
        """
        await self.catalogs.load()
        try:
            remotes = self.all()
        except AppctlError:
            return  # of a file that is wrong nobody knows what it would say
        await self.catalogs.tidy_if_possible(remotes, tools)

    def get(self, name: str) -> Remote:
        """One remote that may be asked. Raises NoRemote, or PolicyDenied when it is disabled."""
        remote = self._store.load().get(name)
        remote.check_enabled()
        return remote

    def find(self, text: str, remote: str = "") -> tuple[Remote, AnyReference]:
        """The remote that covers `text`, and the whole reference that it means.

        With `remote`, it must be that one. Raises InvalidReference, NoRemote, PolicyDenied.
        """
        remotes = self._store.load()
        reference = remotes.expand(text)
        found = remotes.covering(reference)
        if remote and found.name != remote:
            raise InvalidReference(f"{reference} belongs to remote {found.name}, not to {remote}")
        return found, reference

    def vouching(self, name: str, reference: AnyReference) -> Remote:
        """That remote, if it is the one which covers the reference now. Raises NoRemote, PolicyDenied."""
        found = self._store.load().covering(reference)
        if found.name != name:
            raise PolicyDenied(
                f"{reference} belongs to remote {found.name} now, not to {name}",
                remote=found.name,
                hint="try again",
            )
        return found

    def introduce(self, data: bytes) -> Mapping[str, object]:
        """What a publisher's file says, beside what is here. Raises InvalidReference, LimitExceeded."""
        return introduce(data, self._store.load())

    def shared_names(self) -> tuple[str, ...]:
        """The remotes whose layers others may use, if they hash them again (R5)."""
        return tuple(remote.name for remote in self._store.load() if remote.share)

    def max_ages(self) -> dict[str, int]:
        """How old a signature may be, in seconds, where a remote says so; for those who only show it."""
        try:
            return {remote.name: remote.max_age for remote in self._store.load() if remote.max_age}
        except AppctlError:
            return {}

    async def add(
        self,
        name: str,
        settings: Mapping[str, str],
        keys: bytes | None,
        ca: bytes | None = None,
        cosign_keys: bytes | None = None,
    ) -> None:
        """Write a new remote. Raises as `RemoteStore.add`, and InvalidReference for what are no keys."""
        new = await read_keys(keys, cosign_keys, self._tools)
        await self._tools.aside(
            self._store.add, name, new.pinned(settings, None), new.keyring, ca, new.cosign_keys
        )
        self._observer().remotes_changed([name])

    async def modify(
        self,
        name: str,
        settings: Mapping[str, str],
        keys: bytes | None = None,
        ca: bytes | None = None,
        cosign_keys: bytes | None = None,
    ) -> None:
        """Change what is given. Raises as `RemoteStore.modify`, and InvalidReference for what are no keys."""
        new = await read_keys(keys, cosign_keys, self._tools)
        async with (
            self._tools.gate.moving()
        ):  # a job that deploys ends first, and the next one sees the change
            await self._tools.aside(self._modify, name, settings, new, ca)
        await self.tidy_catalogs()
        self._observer().remotes_changed([name])

    async def rotate(self, name: str, update: bytes) -> None:
        """Apply a keyring update that the remote's keys signed (docs/key-rotation.md).

        Raises NoRemote, the Untrusted leaves, LimitExceeded, and as `apply_rotation`.
        """
        remote, now = self._store.load().get(name), int(time.time())
        rotation = await judge_update(update, remote, self._tools.import_keys, self._tools.launcher, now)
        async with self._tools.gate.moving():
            await self._tools.aside(self._apply, rotation, remote)
        await self.tidy_catalogs()
        self._observer().remotes_changed([name])

    def _modify(self, name: str, settings: Mapping[str, str], new: NewKeys, ca: bytes | None) -> None:
        with self._store.whole:  # nobody meets the new remote with the old one's layers
            before = self._store.load().get(name)
            after = self._store.modify(
                name,
                new.pinned(settings, before),
                new.keyring,
                ca,
                new.cosign_keys,
                before_writing=partial(self._take_along, before),
            )
            if after.place != before.place:
                forget_remote(self._tools.paths, name)

    def _apply(self, rotation: Rotation, judged: Remote) -> None:
        with self._store.whole:
            apply_rotation(rotation, judged, self._store, self._tools.paths)

    def _take_along(self, before: Remote, after: Remote) -> None:
        """What was installed from a publisher, and its keys' last update, count at its new place too (R9)."""
        if after.prefix != before.prefix:
            carry_over(self._tools.paths, str(before.prefix), str(after.prefix), merge)
            carry_serial(self._tools.paths, str(before.prefix), str(after.prefix))

    async def remove(self, name: str) -> None:
        """Forget a remote. Raises InUse while apps from it are installed."""
        async with self._tools.gate.moving():
            await self._tools.aside(self._remove, name)
        await self.tidy_catalogs()
        self._observer().remotes_changed([name])

    def _remove(self, name: str) -> None:
        paths = self._tools.paths
        apps = sorted(app.current.id for app in installed(paths).values() if app.current.remote == name)
        if apps:
            raise InUse(
                f"{', '.join(apps)} would never be updated again",
                remote=name,
                hint="uninstall that first",
            )
        with self._store.whole:
            self._store.remove(name)
            forget_remote(paths, name)
            forget_all_pulled(paths, name)
            remember_refreshed(paths, name, 0)
            self._refreshed = None
