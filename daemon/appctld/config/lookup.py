# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which remote is asked: the set of all remotes, and what people's words mean in it.

Pure. Guarantees: no two remotes have one prefix; the longest prefix of whole components decides; a disabled
remote still stands for its prefix, and refuses, so that switching one off never lets a wider one step in.
"""

from collections.abc import Iterable, Iterator

from appctld.config.remote import Remote, check_name, no_remote
from appctld.errors import Conflict, NoRemote
from appctld.model.reference import Reference, looks_like_host, parse_reference


class Remotes:
    """All remotes of one scope, by name. Raises Conflict when two of them have one prefix."""

    def __init__(self, remotes: Iterable[Remote]) -> None:
        self._by_name = {remote.name: remote for remote in remotes}
        seen: dict[object, Remote] = {}
        for remote in self:
            other = seen.setdefault(remote.prefix, remote)
            if other is not remote:
                raise Conflict(
                    f"remotes {other.name} and {remote.name} both are {remote.prefix}",
                    remote=remote.name,
                    paths=[str(other.origin), str(remote.origin)],
                )

    def __iter__(self) -> Iterator[Remote]:
        return iter(sorted(self._by_name.values(), key=lambda remote: remote.name))

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def get(self, name: str) -> Remote:
        """The remote of that name. Raises NoRemote."""
        if name not in self._by_name:
            raise no_remote(name)
        return self._by_name[name]

    def covering(self, reference: Reference) -> Remote:
        """The remote under whose keys a reference is verified.

        Raises:
            NoRemote: none covers it.
            PolicyDenied: the one that does is disabled.
        """
        found = [remote for remote in self if remote.prefix.covers(reference)]
        if not found:
            raise NoRemote(reference=str(reference))
        remote = max(found, key=lambda remote: len(remote.prefix.path))
        remote.check_enabled(reference=str(reference))
        return remote

    def expand(self, text: str) -> Reference:
        """Read a reference in which a remote's name may stand for its prefix: `acme/editor:1`.

        Raises InvalidReference, or NoRemote for a name that is none of ours.
        """
        name, rest = split_name(text)
        return parse_reference(f"{self.get(name).prefix}/{rest}" if name else text)


def check_reference(text: str) -> None:
    """Raise InvalidReference for what `Remotes.expand` would not read, whatever remotes there are."""
    name, rest = split_name(text)
    parse_reference(f"remote.invalid/{rest}" if name else text)


def split_name(text: str) -> tuple[str, str]:
    """The remote's name in front of a reference, and the rest; no name where a host stands.

    Raises InvalidReference for a name that none could have.
    """
    first, slash, rest = text.partition("/")
    if not slash or looks_like_host(first) or "." in first or ":" in first:
        return "", text
    return check_name(first), rest
