# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which catalogues count: those of remotes that are enabled, verified under what the remote trusts now.

Guarantees: a catalogue that was believed under other keys, other IDs or at another place is as none, from the
moment at which the remote is another, and so is one whose files are gone; what no remote stands for any more
is removed, and is not told to libappstream; nothing is removed while somebody is bringing it. Whether that
was done is seen from what lies there, so that a kill or a full disk only puts it off. Leaves to others: what
is in them (the store).
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from appctld.config.remote import Remote
from appctld.errors import AppctlError
from appctld.jobs.catalog.apps import hash_of, listing, views
from appctld.model.jsonvalue import Json, JsonObject
from appctld.pipeline.tools import Tools
from appctld.state.catalogs import (
    Known,
    Made,
    known_catalogs,
    remember_catalogs,
    shown_catalogs,
    united_catalogs,
)
from appctld.state.records import installed

PAUSE = 900  # seconds in which no search asks again a remote that could not be asked, or that lists nonsense

logger = logging.getLogger(__name__)


def under(remote: Remote) -> str:
    """What a catalogue was judged by, as a digest; another once any of it is another."""
    judged = (
        str(remote.prefix), remote.directory, remote.catalog, remote.ids, remote.verify, remote.identity,
        remote.threshold, remote.max_age, sorted(remote.fingerprints), sorted(remote.deny_keys),
        remote.keyring, remote.cosign_keys,
    )  # fmt: skip
    return hashlib.sha256(repr(judged).encode()).hexdigest()


def lists_apps(remote: Remote) -> bool:
    """Whether it may be asked for a catalogue: with verify=digest nobody would have named its digest."""
    return bool(remote.enabled and remote.catalog and remote.verify != "digest")


def counting(remotes: Sequence[Remote], known: Mapping[str, Known]) -> dict[str, Known]:
    """What is known of those catalogues that may be shown now."""
    found = ((remote, known.get(remote.name)) for remote in remotes if lists_apps(remote))
    return {remote.name: one for remote, one in found if one and one.digest and one.under == under(remote)}


class Catalogs:
    """What one daemon knows of them; read from the disk once, by `load`, before which that is nothing."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._known: Mapping[str, Known] | None = None
        self._failed: dict[str, tuple[int, str]] = {}  # when, and under what
        self._renewing: Counter[str] = Counter()

    async def load(self) -> Mapping[str, Known]:
        """What is known by remote, read if it was not yet."""
        if self._known is None:
            self._known = await self._tools.aside(known_catalogs, self._tools.paths)
        return self._known

    async def about(self, remote: Remote) -> Known | None:
        """What is known of a remote as it is now; None where nothing is, or what was here is gone."""
        found = (await self.load()).get(remote.name)
        if found is None or found.under != under(remote):
            return None
        here = found.digest is None or await self._tools.aside(self._tools.paths.catalog(remote.name).is_file)
        return found if here else None

    @asynccontextmanager
    async def renewing(self, remote: Remote) -> AsyncIterator[None]:
        """For the length of the block one asks for this catalogue, and nobody clears it away."""
        async with self._tools.locks[f"catalog {remote.name}"]:
            async with self._tidying:  # one that began without us ends first
                self._renewing[remote.name] += 1
            try:
                yield
            except AppctlError:
                self._failed[remote.name] = self._tools.now(), under(remote)
                raise
            finally:
                self._renewing[remote.name] -= 1
        self._failed.pop(remote.name, None)

    def failed_lately(self, remote: Remote) -> bool:
        """Whether it was asked in vain just now, and is as it was then."""
        when, judged = self._failed.get(remote.name, (0, ""))
        return judged == under(remote) and 0 <= self._tools.now() - when < PAUSE

    def counts(self, remote: Remote) -> bool:
        """Whether there is one that may be shown."""
        return remote.name in counting([remote], self._known or {})

    def path(self, remote: Remote) -> Path | None:
        """The AppStream file of its catalogue, if there is a signed one."""
        found = counting([remote], self._known or {}).get(remote.name)
        return self._tools.paths.catalog(remote.name) if found and found.signed else None

    async def note(self, name: str, known: Known) -> None:
        """What was found just now."""
        await self._remember({name: known})

    async def forget(self, names: Sequence[str]) -> None:
        """What is here of these cannot be read: they are asked anew."""
        if names:
            await self._remember(dict.fromkeys(names))

    async def tidy(self, remotes: Sequence[Remote], tools: Tools | None = None) -> None:
        """Remove what does not count any more, and write libappstream's file of the rest and of the apps.

        What nobody signed is not in that: nothing there could say so. A job gives its own `tools`,
        whose store process is running already.
        """
        async with self._tidying:
            counts, apps = counting(remotes, await self.load()), await self._apps()
            keep: list[Json] = [*sorted({*counts, *+self._renewing})]
            signed = [remote for remote in remotes if remote.name in counts and counts[remote.name].signed]
            made_of = _made(counts, await self._shown(), apps).apps
            told: JsonObject = {"unite": listing(signed), "installed": [*apps], "made-of": made_of}
            await (tools or self._tools).store({"op": "keep-catalogs", "keep": keep, **told})
            stale = _stale(remotes, await self.load())
            gone = [name for name in stale if name not in +self._renewing]
            await self._remember(dict.fromkeys(gone))

    async def tidy_if_possible(self, remotes: Sequence[Remote], tools: Tools | None = None) -> None:
        """The same for those whose work is something else: what fails now is done the next time."""
        try:
            if not await self._is_tidy(remotes):
                await self.tidy(remotes, tools)
        except (AppctlError, OSError) as error:
            logger.warning("catalogues stay as they are: %s", error)

    async def _is_tidy(self, remotes: Sequence[Remote]) -> bool:
        """Whether what lies there is what counts, and libappstream's file was made of that."""
        shown, known, apps = await self._shown(), await self.load(), await self._apps()
        united = await self._tools.aside(united_catalogs, self._tools.paths)
        counts = counting(remotes, known)
        is_told = united == _made(counts, shown, apps)
        return is_told and not _stale(remotes, known) and shown.keys() <= {*counts, *+self._renewing}

    async def _shown(self) -> Mapping[str, str]:
        """What is current, by remote."""
        return await self._tools.aside(shown_catalogs, self._tools.paths)

    async def _apps(self) -> list[JsonObject]:
        """What the store is told of what is installed."""
        return views((await self._tools.aside(installed, self._tools.paths)).values())

    @property
    def _tidying(self) -> asyncio.Lock:
        """One at a time judges what is kept, and has it done."""
        return self._tools.locks["catalogs"]

    async def _remember(self, changes: Mapping[str, Known | None]) -> None:
        self._known = await self._tools.aside(remember_catalogs, self._tools.paths, changes)


def _made(counts: Mapping[str, Known], shown: Mapping[str, str], apps: Sequence[JsonObject]) -> Made:
    """Of what libappstream's file is to be made; there is none where nothing is to be in it."""
    told = {name: shown[name] for name, one in counts.items() if one.signed and shown.get(name)}
    return Made(told, hash_of(apps)) if told or any(app["signed"] for app in apps) else Made()


def _stale(remotes: Sequence[Remote], known: Mapping[str, Known]) -> list[str]:
    """Of whom something is known that no remote stands for any more."""
    judged = {remote.name: under(remote) for remote in remotes if lists_apps(remote)}
    return [name for name, one in known.items() if judged.get(name) != one.under]
