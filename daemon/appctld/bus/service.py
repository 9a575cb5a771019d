# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the bus serves: the rooms below, as far as it needs them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from appctld.bus.objects.remote import RemoteFacts
from appctld.bus.polkit import Authorizer
from appctld.jobs.queue import Jobs
from appctld.model.automatic import Extent
from appctld.model.jsonvalue import JsonObject
from appctld.model.override import Override


class Apps(Protocol):
    """What is installed."""

    def list(self) -> Sequence[JsonObject]:
        """One object for every app, with the keys of Manager.List."""

    def some(self, keys: Collection[str]) -> Sequence[JsonObject]:
        """The same with these keys alone."""

    def last_check_time(self) -> int:
        """When updates were last looked for, in seconds since 1970; 0 for never."""


class Remotes(Protocol):
    """Whom this machine trusts; the settings are a remotes.d file's keys and texts."""

    def all(self) -> Sequence[RemoteFacts]:
        """Every remote."""

    async def stamp(self) -> object:
        """What is another once somebody wrote to the configuration; equal while nobody did."""

    def find(self, text: str, remote: str = "") -> tuple[RemoteFacts, object]:
        """The remote that covers `text`, and the whole reference; raises InvalidReference or NoRemote."""

    def refreshed(self, name: str) -> int:
        """When a remote was last asked what it has, in seconds since 1970; 0 for never."""

    def catalog(self, name: str) -> str:
        """The path of the AppStream file of what a remote lists, if that is signed; empty without."""

    def route(self, name: str) -> Mapping[str, object]:
        """Through what it is asked, with the keys of Remote.Proxy."""

    def introduce(self, data: bytes) -> Mapping[str, object]:
        """What a publisher's file says, with the keys of Manager.ResolveFile; raises InvalidReference."""

    async def add(
        self,
        name: str,
        settings: dict[str, str],
        keys: bytes | None,
        ca: bytes | None,
        cosign_keys: bytes | None,
    ) -> None:
        """Write a new remote."""

    async def modify(
        self,
        name: str,
        settings: dict[str, str],
        keys: bytes | None,
        ca: bytes | None,
        cosign_keys: bytes | None,
    ) -> None:
        """Change a remote; an empty text takes a key away."""

    async def rotate(self, name: str, update: bytes) -> None:
        """Apply a keyring update; the Untrusted leaves say why not."""

    async def remove(self, name: str) -> None:
        """Remove a remote; InUse while apps from it are installed."""


class Choices(Protocol):
    """What people decide about installed apps."""

    async def hold(self, app_id: str, uid: int, *, held: bool) -> None:
        """Hold an app, or do so no longer."""

    async def permissions(self, app_id: str) -> Sequence[JsonObject]:
        """One object a permission, with the keys of Manager.GetPermissions."""

    async def override(self, app_id: str, uid: int, wanted: Sequence[Override]) -> None:
        """Replace all overrides."""


class Automatic(Protocol):
    """Updates that nobody asks for."""

    @property
    def extent(self) -> Extent:
        """How far they go."""

    @property
    def last(self) -> JsonObject:
        """How the last one went, with the keys of Manager.LastAutomaticUpdate."""

    async def stamp(self) -> object:
        """What is another once somebody wrote to the policy; equal while nobody did."""

    async def set(self, extent: Extent) -> None:
        """Decide how far they go; PolicyDenied where the administrator did."""

    async def register(self, sender: str, uid: int, *, handles: bool) -> None:
        """A connection handles updates by itself, or does so no longer; LimitExceeded."""


class History(Protocol):
    """What was done, and what failed."""

    def __call__(self, wanted: Callable[[JsonObject], bool], limit: int | None) -> Sequence[JsonObject]:
        """The newest entries that are wanted, newest first, with the keys of Manager.History."""


@dataclass(frozen=True)
class Service:
    """Everything that is served in one scope."""

    jobs: Jobs
    apps: Apps
    history: History
    choices: Choices
    remotes: Remotes
    automatic: Automatic
    authorizer: Authorizer
    scope: str
    """`system` or `user`."""
    uid: int
    """As whom the daemon runs."""
    version: str
