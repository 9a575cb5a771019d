# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which catalogues count: those of remotes that are enabled, verified under what the remote trusts now.

Guarantees: a catalogue that was believed under other keys, other IDs or at another place is as none, from the
moment at which the remote is another; what no remote stands for any more is removed, and is not told to
libappstream. Leaves to others: what is in them (the store).
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from appctld.config.remote import Remote
from appctld.errors import AppctlError
from appctld.model.jsonvalue import Json
from appctld.pipeline.tools import Tools
from appctld.state.catalogs import Known, known_catalogs, remember_catalogs

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
    """What one daemon knows of them; read from the disk once, and whenever it writes."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._known: dict[str, Known] | None = None

    def about(self, remote: Remote) -> Known | None:
        """What is known of a remote as it is now; None where nothing is."""
        found = self._all().get(remote.name)
        return found if found and found.under == under(remote) else None

    def counts(self, remote: Remote) -> bool:
        """Whether there is one that may be shown."""
        return remote.name in counting([remote], self._all())

    def path(self, remote: Remote) -> Path | None:
        """The AppStream file of its catalogue, if there is a signed one."""
        found = counting([remote], self._all()).get(remote.name)
        return self._tools.paths.catalog(remote.name) if found and found.signed else None

    async def note(self, name: str, known: Known) -> None:
        """What was found just now."""
        await self._tools.aside(remember_catalogs, self._tools.paths, {name: known})
        self._known = None

    async def tidy(self, remotes: Sequence[Remote]) -> None:
        """Remove what does not count any more, and write libappstream's file of the rest.

        Unsigned ones are not in that: nothing there could say so.
        """
        counts = counting(remotes, self._all())
        keep: list[Json] = [*sorted(counts)]
        united: list[Json] = [name for name in sorted(counts) if counts[name].signed]
        await self._tools.store({"op": "keep-catalogs", "keep": keep, "unite": united})
        await self._tools.aside(remember_catalogs, self._tools.paths, dict.fromkeys(self._stale(remotes)))
        self._known = None

    async def tidy_if_possible(self, remotes: Sequence[Remote]) -> None:
        """The same for those whose work is something else: what fails now is done the next time."""
        if not self._stale(remotes):
            return
        try:
            await self.tidy(remotes)
        except AppctlError as error:
            logger.warning("old catalogues stay: %s: %s", error.name, error.message)

    def _stale(self, remotes: Sequence[Remote]) -> list[str]:
        """Of whom something is known that no remote stands for any more."""
        judged = {remote.name: under(remote) for remote in remotes if lists_apps(remote)}
        return [name for name, known in self._all().items() if judged.get(name) != known.under]

    def _all(self) -> dict[str, Known]:
        if self._known is None:
            self._known = known_catalogs(self._tools.paths)
        return self._known
