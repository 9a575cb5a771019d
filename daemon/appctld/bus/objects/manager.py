# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager: every method is a request that is frozen, then authorized, then queued; or an answer at once.

Guarantees: polkit is asked about exactly the values that the work is done with. How those are checked and
frozen is asked.py's, what polkit's answer means polkit.py's, what is done the jobs room's.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import ClassVar

from appctld.bus.announcer import Announcer
from appctld.bus.caller import Caller
from appctld.bus.objects.asked import (
    UNKNOWN,
    app_ids,
    check_remote,
    details,
    file_address,
    frozen,
    references,
    remote_names,
    search_term,
    summary,
)
from appctld.bus.objects.automatic import AutomaticUpdates
from appctld.bus.objects.choices import AppChoices
from appctld.bus.objects.settings import RemoteSettings
from appctld.bus.objects.texts import check_texts
from appctld.bus.polkit import ACTIONS
from appctld.bus.service import Service
from appctld.bus.wire.paths import BUS_NAME, MANAGER, job_path, remote_path
from appctld.errors import AppctlError, InvalidReference, NotAuthorized, NotFound
from appctld.jobs.requests import (
    AnyRequest,
    CheckUpdates,
    Install,
    Prune,
    Refresh,
    Repair,
    Resolve,
    Rollback,
    Search,
    Uninstall,
    Update,
    Verify,
)
from appctld.model.jsonvalue import JsonObject, get_int

API_VERSION = 1

TOLD = frozenset({"id", "remote", "verify"})  # of installed apps, to polkit
UPDATE = "update-available"

Options = Mapping[str, object]


class Manager(AppChoices, AutomaticUpdates):
    """The object at the root."""

    interface: ClassVar[str] = MANAGER

    def __init__(self, service: Service, announcer: Announcer) -> None:
        self._service = service
        self._announcer = announcer

    # Jobs

    async def install(self, caller: Caller, refs: list[str], options: Options) -> str:
        """Start an Install job."""
        request = Install(references(refs), frozen(options))
        return self._start(caller, request, "install", partial(self._about, refs, options), _also(options))

    async def update(self, caller: Caller, ids: list[str], options: Options) -> str:
        """Start an Update job; to accept permissions is an action of its own."""
        request = Update(app_ids(ids, least=0), frozen(options))
        action = "approve" if options.get("accept-permissions") else "update"
        return self._start(caller, request, action, partial(self._installed, ids), _also(options))

    async def uninstall(self, caller: Caller, ids: list[str], options: Options) -> str:
        """Start an Uninstall job."""
        request = Uninstall(app_ids(ids), frozen(options))
        return self._start(caller, request, "uninstall", partial(self._installed, ids))

    async def rollback(self, caller: Caller, id_: str, options: Options) -> str:
        """Start a Rollback job."""
        (app_id,) = app_ids([id_])
        return self._start(
            caller, Rollback(app_id, frozen(options)), "rollback", partial(self._installed, [id_])
        )

    async def resolve(self, caller: Caller, reference: str, options: Options) -> str:
        """Start a Resolve job; what only a credential opens, or we are to keep, is worth an install."""
        if address := file_address(reference):
            return self._start(caller, Resolve(address), "refresh", partial(details, reference=address))
        (text,) = references([reference])
        opens = options.get("registry-auth") or options.get("ask-credentials") or "bundle" in options
        action = "install" if opens else "refresh"
        return self._start(
            caller, Resolve(text, frozen(options)), action, partial(self._about, [text], options)
        )

    async def check_updates(self, caller: Caller, options: Options) -> str:
        """Start a CheckUpdates job."""
        return self._start(caller, CheckUpdates(frozen(options)), "refresh", details)

    async def refresh(self, caller: Caller, remotes: list[str], options: Options) -> str:
        """Start a Refresh job."""
        request = Refresh(remote_names(remotes), frozen(options))
        return self._start(caller, request, "refresh", partial(details, remote=" ".join(request.remotes)))

    async def search(self, caller: Caller, term: str, options: Options) -> str:
        """Start a Search job."""
        request = Search(search_term(term), frozen(options))
        return self._start(
            caller, request, "refresh", partial(details, remote=str(options.get("remote", "")))
        )

    async def verify(self, caller: Caller, ids: list[str], options: Options) -> str:
        """Start a Verify job; it hashes everything, which not everybody may ask for."""
        request = Verify(app_ids(ids, least=0), frozen(options))
        return self._start(caller, request, "repair", partial(self._installed, ids))

    async def repair(self, caller: Caller, options: Options) -> str:
        """Start a Repair job."""
        return self._start(caller, Repair(frozen(options)), "repair", partial(self._installed, []))

    async def prune(self, caller: Caller, options: Options) -> str:
        """Start a Prune job."""
        return self._start(caller, Prune(frozen(options)), "prune", details)

    def _start(
        self,
        caller: Caller,
        request: AnyRequest,
        action: str,
        tell: Callable[[], Mapping[str, str]],
        also: tuple[str, ...] = (),
    ) -> str:
        authorize = partial(self._authorize, caller, (action, *also), tell, tell())
        jobs = self._service.jobs
        job = jobs.alike(request, caller.uid) or jobs.start(request, caller.uid, authorize)
        self._announcer.adopt(job, caller)
        return job_path(job.number)

    async def _authorize(
        self,
        caller: Caller,
        actions: tuple[str, ...],
        tell: Callable[[], Mapping[str, str]],
        told: Mapping[str, str],
    ) -> None:
        """Every action is asked about by itself: who may do the one may not do the other.

        A yes is about what was told, and a person may have taken minutes: another remote may cover a
        reference by then, or ask for less.
        """
        for action in actions:
            await self._service.authorizer.authorize(caller, action, told)
        if tell() != told:
            raise NotAuthorized("what polkit was asked about has changed meanwhile", hint="try again")

    # At once

    async def list(self, caller: Caller, options: Options) -> list[JsonObject]:  # noqa: ARG002 - anybody may look
        """What is installed and passes the filters."""
        return _filtered(self._service.apps.list(), _wanted(options))

    async def list_text(self, caller: Caller, options: Options, keys: Sequence[str]) -> str:  # noqa: ARG002
        """Some facts of the same apps, as JSON."""
        wanted, asked = _wanted(options), frozenset(keys)
        found = _filtered(self._service.apps.some(asked | wanted.keys()), wanted)
        return json.dumps([{key: fact for key, fact in app.items() if key in asked} for app in found])

    async def history(self, caller: Caller, options: Options) -> Sequence[JsonObject]:
        """What was done and what failed: the caller's own, and what nobody asked for; root sees all."""

        def wanted(entry: JsonObject) -> bool:
            theirs = caller.uid in {entry["uid"], 0} or self._is_everybodys(entry)
            fits = not options.get("failed") or bool(entry.get("error"))
            return theirs and fits and get_int(entry, "time") >= since

        since = given if isinstance(given := options.get("since"), int) else 0
        limit = options.get("limit")
        return self._service.history(wanted, limit if isinstance(limit, int) else None)

    def _is_everybodys(self, entry: JsonObject) -> bool:
        """Whether no user is behind it: it is about apps that all see, with no login but the machine's."""
        return entry["uid"] == self._service.uid and entry.get("background") is True

    async def can_authorize(self, caller: Caller, action: str) -> str:
        """Whether the caller may, without asking anybody."""
        known = action.removeprefix(f"{BUS_NAME}.")
        if known not in ACTIONS:
            raise NotFound(f"there is no action {action[:80]!a}")
        return await self._service.authorizer.can(caller, known)

    async def resolve_file(self, caller: Caller, file: bytes) -> Mapping[str, object]:  # noqa: ARG002 - as above
        """What a publisher's file would add. Nothing is asked, and nothing is written."""
        return self._service.remotes.introduce(file)

    async def add_remote(self, caller: Caller, name: str, settings: Options) -> str:
        """Trust one more publisher."""
        asked = RemoteSettings.parse(settings).for_a_new_remote()
        await self._authorize_remote(caller, name, asked)
        await self._service.remotes.add(name, dict(asked.texts), asked.keys, asked.ca, asked.cosign_keys)
        return remote_path(name)

    async def modify_remote(self, caller: Caller, name: str, settings: Options) -> None:
        """Change a remote."""
        asked = RemoteSettings.parse(settings)
        await self._authorize_remote(caller, name, asked)
        if asked.update is not None:
            await self._service.remotes.rotate(name, asked.update)
            return
        await self._service.remotes.modify(name, dict(asked.texts), asked.keys, asked.ca, asked.cosign_keys)

    async def remove_remote(self, caller: Caller, name: str, options: Options) -> None:  # noqa: ARG002 - none yet
        """Trust a publisher no longer."""
        await self._authorize_remote(caller, name, RemoteSettings())
        await self._service.remotes.remove(name)

    async def _authorize_remote(self, caller: Caller, name: str, asked: RemoteSettings) -> None:
        check_remote(name, asked.texts)
        where = " ".join(asked.texts[key] for key in ("url", "prefix") if asked.texts.get(key))
        told = details(remote=name, reference=where, verify=asked.texts.get("verify", ""))
        with self._service.jobs.questions.open(caller.uid):
            await self._service.authorizer.authorize(caller, "modify-remote", told)

    def _about(self, refs: Collection[str], options: Options) -> Mapping[str, str]:
        """What polkit may show and rules may look at; what nobody covers the job will refuse by itself."""
        rows: list[tuple[str, str, str]] = []
        for text in refs:
            try:
                remote, reference = self._service.remotes.find(text, str(options.get("remote", "")))
            except InvalidReference:
                raise
            except AppctlError:
                rows.append((text, UNKNOWN, UNKNOWN))
            else:
                rows.append((str(reference), remote.name, remote.verify))
        return summary(rows, options.get("expected-digest", ""))

    def _installed(self, ids: Collection[str]) -> Mapping[str, str]:
        """The same about installed apps; none means all of them."""
        apps = {str(app["id"]): app for app in self._service.apps.some(TOLD)}
        rows = [(name, apps.get(name, {})) for name in ids or apps]
        return summary(
            (name, str(app.get("remote", UNKNOWN)), str(app.get("verify", UNKNOWN))) for name, app in rows
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
        # nothing else: whether one runs is looked at with its lock, which who starts it may then not get
        apps = self._service.apps.some({UPDATE})
        return sum(app.get(UPDATE) is True for app in apps)

    @property
    def last_update_check(self) -> int:  # noqa: D102 - the XML says what it is
        return self._service.apps.last_check_time()


def _also(options: Options) -> tuple[str, ...]:
    """What a caller must be allowed besides."""
    return ("allow-downgrade",) if options.get("allow-downgrade") else ()


def _wanted(options: Options) -> Mapping[str, object]:
    """The facts that an app must have to be listed. Raises InvalidReference for one that none could have."""
    check_texts(options)
    wanted = {key: options[key] for key in ("scope", "remote") if key in options}
    return {**wanted, UPDATE: True} if options.get("updates") else wanted


def _filtered(apps: Sequence[JsonObject], wanted: Mapping[str, object]) -> list[JsonObject]:
    return [app for app in apps if all(app.get(key) == value for key, value in wanted.items())]
