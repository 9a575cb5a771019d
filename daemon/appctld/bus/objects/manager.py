# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager: every method is a request that is frozen, then authorized, then queued; or an answer at once.

Guarantees: polkit is asked about exactly the values that the work is done with. What polkit's answer means is
polkit.py's; what is done is the jobs room's.
"""

from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import ClassVar

from appctld.bus.announcer import Announcer
from appctld.bus.caller import Caller
from appctld.bus.exported import Exported
from appctld.bus.objects.settings import RemoteSettings
from appctld.bus.polkit import ACTIONS
from appctld.bus.service import Service
from appctld.bus.wire.paths import BUS_NAME, MANAGER, job_path, remote_path
from appctld.errors import AppctlError, InvalidReference, LimitExceeded, NotFound
from appctld.jobs.requests import (
    AnyRequest,
    CheckUpdates,
    Install,
    Prune,
    Resolve,
    Rollback,
    Uninstall,
    Update,
)
from appctld.model.jsonvalue import JsonObject

API_VERSION = 1
UNKNOWN = "-"  # in a detail; no remote has that name, so that no rule about remotes takes it for one
AT_ONCE = 32  # references or IDs of one call: as many as a user may have unfinished jobs
TEXT = 1024  # characters of one reference or ID; a reference is at most 255 + 255 + 128 + 71 long

Options = Mapping[str, object]


class Manager(Exported):
    """The object at the root."""

    interface: ClassVar[str] = MANAGER

    def __init__(self, service: Service, announcer: Announcer) -> None:
        self._service = service
        self._announcer = announcer

    # Jobs

    async def install(self, caller: Caller, refs: list[str], options: Options) -> str:
        """Start an Install job."""
        request = Install(_some(refs), _frozen(options))
        return self._start(caller, request, "install", self._about(refs, options))

    async def update(self, caller: Caller, ids: list[str], options: Options) -> str:
        """Start an Update job; to accept permissions is an action of its own."""
        request = Update(_some(ids, least=0), _frozen(options))
        action = "approve" if options.get("accept-permissions") else "update"
        return self._start(caller, request, action, self._installed(ids))

    async def uninstall(self, caller: Caller, ids: list[str], options: Options) -> str:
        """Start an Uninstall job."""
        return self._start(caller, Uninstall(_some(ids), _frozen(options)), "uninstall", self._installed(ids))

    async def rollback(self, caller: Caller, id_: str, options: Options) -> str:
        """Start a Rollback job."""
        (app_id,) = _some([id_])
        return self._start(caller, Rollback(app_id, _frozen(options)), "rollback", self._installed([id_]))

    async def resolve(self, caller: Caller, reference: str, options: Options) -> str:
        """Start a Resolve job; what only a credential opens is worth as much as an install."""
        (text,) = _some([reference])
        action = "install" if options.get("registry-auth") else "refresh"
        return self._start(caller, Resolve(text, _frozen(options)), action, self._about([text], options))

    async def check_updates(self, caller: Caller, options: Options) -> str:
        """Start a CheckUpdates job."""
        return self._start(caller, CheckUpdates(_frozen(options)), "refresh", _details())

    async def prune(self, caller: Caller, options: Options) -> str:
        """Start a Prune job."""
        return self._start(caller, Prune(_frozen(options)), "prune", _details())

    def _start(self, caller: Caller, request: AnyRequest, action: str, details: Mapping[str, str]) -> str:
        authorize = partial(self._service.authorizer.authorize, caller, action, details)
        job = self._service.jobs.start(request, caller.uid, authorize)
        self._announcer.adopt(job, caller)
        return job_path(job.number)

    # At once

    async def list(self, caller: Caller, options: Options) -> list[JsonObject]:  # noqa: ARG002 - anybody may look
        """What is installed and passes the filters."""
        wanted = {key: options[key] for key in ("scope", "remote") if key in options}
        if options.get("updates"):
            wanted["update-available"] = True
        apps = self._service.apps.list()
        return [app for app in apps if all(app.get(key) == value for key, value in wanted.items())]

    async def can_authorize(self, caller: Caller, action: str) -> str:
        """Whether the caller may, without asking anybody."""
        known = action.removeprefix(f"{BUS_NAME}.")
        if known not in ACTIONS:
            raise NotFound(f"there is no action {action}")
        return await self._service.authorizer.can(caller, known)

    async def add_remote(self, caller: Caller, name: str, settings: Options) -> str:
        """Trust one more publisher."""
        asked = RemoteSettings.parse(settings)
        await self._authorize_remote(caller, name, asked)
        await self._service.remotes.add(name, dict(asked.texts), asked.keys or b"", asked.ca)
        return remote_path(name)

    async def modify_remote(self, caller: Caller, name: str, settings: Options) -> None:
        """Change a remote."""
        asked = RemoteSettings.parse(settings)
        await self._authorize_remote(caller, name, asked)
        await self._service.remotes.modify(name, dict(asked.texts), asked.keys, asked.ca)

    async def remove_remote(self, caller: Caller, name: str, options: Options) -> None:  # noqa: ARG002 - none yet
        """Trust a publisher no longer."""
        await self._authorize_remote(caller, name, RemoteSettings())
        await self._service.remotes.remove(name)

    async def _authorize_remote(self, caller: Caller, name: str, asked: RemoteSettings) -> None:
        (remote,) = _some([name])
        details = _details(
            remote=remote, reference=asked.texts.get("url", ""), verify=asked.texts.get("verify", "")
        )
        await self._service.authorizer.authorize(caller, "modify-remote", details)

    def _about(self, refs: Collection[str], options: Options) -> Mapping[str, str]:
        """What polkit may show and rules may look at; what nobody covers the job will refuse by itself."""
        rows: list[tuple[str, str, str]] = []
        for text in refs:
            try:
                remote, reference = self._service.remotes.find(text, str(options.get("remote", "")))
            except AppctlError:
                rows.append((text, UNKNOWN, UNKNOWN))
            else:
                rows.append((str(reference), remote.name, remote.verify))
        return _summary(rows, str(options.get("expected-digest", "")))

    def _installed(self, ids: Collection[str]) -> Mapping[str, str]:
        """The same about installed apps; none means all of them."""
        apps = {str(app["id"]): app for app in self._service.apps.list()}
        rows = [(name, apps.get(name, {})) for name in ids or apps]
        return _summary(
            [(name, str(app.get("remote", UNKNOWN)), str(app.get("verify", UNKNOWN))) for name, app in rows]
        )

    # Properties

    @property
    def api_version(self) -> int:  # noqa: D102 - the XML says what it is
        return API_VERSION

    @property
    def daemon_version(self) -> str:  # noqa: D102 - the XML says what it is
        return self._service.version

    @property
    def scope(self) -> str:  # noqa: D102 - the XML says what it is
        return self._service.scope

    @property
    def features(self) -> tuple[str, ...]:  # noqa: D102 - the XML says what it is
        return ()

    @property
    def busy(self) -> bool:  # noqa: D102 - the XML says what it is
        return bool(self._service.jobs.active())

    @property
    def active_jobs(self) -> tuple[str, ...]:  # noqa: D102 - the XML says what it is
        return tuple(job_path(job.number) for job in self._service.jobs.active())

    @property
    def updates_available(self) -> int:  # noqa: D102 - the XML says what it is
        return sum(app.get("update-available") is True for app in self._service.apps.list())

    @property
    def last_update_check(self) -> int:  # noqa: D102 - the XML says what it is
        return self._service.apps.last_check_time()


def _some(texts: Collection[str], *, least: int = 1) -> tuple[str, ...]:
    """The same texts, frozen; their number and length are bounded here, their meaning is checked below."""
    if len(texts) < least:
        raise InvalidReference("nothing is named")
    if len(texts) > AT_ONCE:
        raise LimitExceeded(f"{len(texts)} are named at once, {AT_ONCE} are allowed")
    for text in texts:
        if not text or len(text) > TEXT or not text.isprintable():
            raise InvalidReference(f"{text[:80]!r} is no reference, ID or name")
    return tuple(texts)


def _frozen(options: Options) -> Options:
    """A copy that nobody can change between polkit's answer and the work."""
    return MappingProxyType({key: _frozen_value(value) for key, value in options.items()})


def _frozen_value(value: object) -> object:
    if isinstance(value, Mapping):
        return _frozen(value)
    return tuple(map(_frozen_value, value)) if isinstance(value, list) else value


def _summary(rows: Collection[tuple[str, str, str]], digest: str = "") -> Mapping[str, str]:
    """Details of several (reference, remote, verify): each value once, in the order of the call."""
    columns = [" ".join(dict.fromkeys(column)) for column in zip(*rows, strict=True)] or ["", "", ""]
    return _details(reference=columns[0], remote=columns[1], verify=columns[2], digest=digest)


def _details(
    *, remote: str = "", reference: str = "", verify: str = "", digest: str = ""
) -> Mapping[str, str]:
    return MappingProxyType({"remote": remote, "reference": reference, "digest": digest, "verify": verify})
