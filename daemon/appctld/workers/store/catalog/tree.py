# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The few files of a merged image that are read here: by their path, without a checkout, hashed again.

Guarantees: no symlink is followed, in the tree or on the disk; no more is read than was asked for.
"""

from appctld.errors import LimitExceeded
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree

NOTHING = DirTree()


class Tree:
    """A commit's files."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self._root = repository.commit(commit).tree

    def directory(self, path: str) -> DirTree:
        """What is in it; nothing where no directory is."""
        here = self._repository.tree(self._root)
        for part in path.split("/"):
            if part not in here.dirs:
                return NOTHING
            here = self._repository.tree(here.dirs[part][0])
        return here

    def read(self, content: str, limit: int) -> bytes | None:
        """A regular file's bytes; None where it is another kind. Raises LimitExceeded, RepoCorrupt."""
        with translated(f"reading file {content}"):
            _, stream, info, _ = self._repository.library.load_file(content, None)
            if stream is None:  # only a regular file has one
                return None
            if info.get_size() > limit:
                raise LimitExceeded(f"a file of {info.get_size()} bytes, {limit} are allowed", limit=limit)
            self._repository.verify(Kind.FILE, content)
            return stream.read_bytes(limit, None).get_data() or b""
