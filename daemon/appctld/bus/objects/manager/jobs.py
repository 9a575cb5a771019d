# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager's methods that start a job."""

from functools import partial

from appctld.bus.caller import Caller
from appctld.bus.objects.asked import (
    Options,
    app_ids,
    details,
    file_address,
    frozen,
    references,
    remote_names,
    search_term,
)
from appctld.bus.objects.manager.part import Part
from appctld.jobs.requests import (
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


class JobMethods(Part):
    """Each freezes what it was given; the job is authorized first of all."""

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


def _also(options: Options) -> tuple[str, ...]:
    """What a caller must be allowed besides."""
    return ("allow-downgrade",) if options.get("allow-downgrade") else ()
