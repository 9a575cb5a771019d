# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a remote need not send again: the objects of a commit that it has in the shared repository (R5).

Guarantees: an object counts only if it is reachable from a commit that a ref of this very remote names, and
was hashed again; of every other object nobody learns whether it is here, for naming another remote's private
object would hand over its contents. Leaves to others: which commit that is.
"""

from functools import cached_property

from appctld.workers.store.ostree.closure import Closure, closure
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead
from appctld.workers.store.ostree.repository import Repository


class Held:
    """The objects below `commit` if one of `remote`'s refs names it, else none. Nothing is read in vain."""

    def __init__(self, repository: Repository, remote: str, commit: str | None) -> None:
        self._repository = repository
        self._remote = remote
        self._commit = commit

    def metadata(self, kind: Kind, name: str) -> bytes | None:
        """A stored object's bytes, hashed again; None if it does not count. Raises RepoCorrupt."""
        return self._repository.load(kind, name) if self._holds(kind, name) else None

    def file(self, name: str) -> FileHead | None:
        """A stored file's attributes, after all of it was hashed again; None if it does not count."""
        if not self._holds(Kind.FILE, name):
            return None
        self._repository.verify(Kind.FILE, name)
        return self._repository.file_head(name)

    def everything(self) -> Closure:
        """All that counts, by kind; nothing where the commit is not this remote's. Raises RepoCorrupt."""
        return self._closure

    def _holds(self, kind: Kind, name: str) -> bool:
        return name in self._closure.objects[kind]

    @cached_property
    def _closure(self) -> Closure:
        return closure(self._repository, [self._commit] if self._commit in self._commits() else [])

    def _commits(self) -> set[str]:
        """What this remote's refs name."""
        refs = [self._repository.refs(f"appctl/{kind}/{self._remote}") for kind in ("app", "commit")]
        return {commit for found in refs for commit in found.values()}
