# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which remote is asked: the set of all remotes, and what people's words mean in it.

Pure. Guarantees: no two remotes have one prefix; the longest prefix of whole components decides; a disabled
remote still stands for its prefix, and refuses, so that switching one off never lets a wider one step in.
"""

from collections.abc import Iterable, Iterator

from appctld.config.remote import Remote, check_name, no_remote
from appctld.config.urls import Prefix
from appctld.errors import Conflict, InvalidReference, NoRemote
from appctld.model.ostreeref import AnyReference, OstreeRef, split_ref
from appctld.model.reference import looks_like_host, parse_reference


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
                    hint="appctl remote list",
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

    def covering(self, reference: AnyReference) -> Remote:
        """The remote under whose keys a reference is verified.

        Raises:
            NoRemote: none covers it.
            PolicyDenied: the one that does is disabled.
        """
        remote = self._of(reference)
        remote.check_enabled(reference=str(reference))
        return remote

    def _of(self, reference: AnyReference) -> Remote:
        if isinstance(reference, OstreeRef):
            return self._repository(reference)
        found = {
            len(remote.prefix.path): remote
            for remote in self
            if isinstance(remote.prefix, Prefix) and remote.prefix.covers(reference)
        }
        if not found:
            raise NoRemote(reference=str(reference))
        return found[max(found)]

    def _repository(self, reference: OstreeRef) -> Remote:
        """An OSTree remote covers the refs that begin with its name, and nothing that a registry has."""
        remote = self.get(reference.remote)
        if remote.kind != "ostree":
            raise NoRemote(f"remote {remote.name} is no OSTree repository", reference=str(reference))
        return remote

    def expand(self, text: str) -> AnyReference:
        """Read a reference in which a remote's name may stand for its prefix: `acme/editor:1`.

        `NAME:REF` is a ref where NAME is an OSTree remote. Raises InvalidReference, or NoRemote for a name
        that is none of ours.
        """
        ref = split_ref(text)
        if ref and ref.remote in self and self.get(ref.remote).kind == "ostree":
            return ref
        name, rest = split_name(text)
        if name and self.get(name).kind == "ostree":
            raise InvalidReference(f"remote {name} is an OSTree repository: write {name}:REF")
        try:
            return parse_reference(f"{self.get(name).prefix}/{rest}" if name else text)
        except InvalidReference:
            if ref is None:
                raise
            self.get(ref.remote)  # a name that none has is what is wrong
            raise


def check_reference(text: str) -> None:
    """Raise InvalidReference for what `Remotes.expand` would not read, whatever remotes there are."""
    if split_ref(text):
        return
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
