# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Writing objects into the repository, inside one transaction (repository.py opens and ends it).

Guarantees: the checksum of every object is computed here from the bytes that are stored (R3); an object that
exists is a reason not to write, never not to hash (R4), and one that does not look as we leave objects is
replaced by a fresh inode; after `settle` every object that was written or met is 0444 or 0555 (R12) and on
the disk (R10), and before it none of them has its name. Memory is bounded: a large file is written as it
comes, and nothing is remembered of what was written. Leaves to others: how one object gets onto the disk
(staging.py), what is there (loose.py), and the repository's shared lock. Why libostree does not write them:
docs/adr/0017.
"""

import functools
import hashlib
from collections.abc import Iterable
from typing import Self

from appctld.errors import Failed, LimitExceeded, RepoCorrupt
from appctld.workers.store import kernel, names
from appctld.workers.store.kernel import translated
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.loose import METADATA_MODE, Loose
from appctld.workers.store.ostree.objects import FileHead, Stored, stored
from appctld.workers.store.ostree.staging import Data, Staging, check_size
from appctld.workers.store.ostree.tree import DirTree, Xattrs, serialize_dirmeta, serialize_dirtree
from appctld.workers.store.space import Room

SMALL_FILE = 1 << 20  # hashed before it is written, so that one which is here already is never written
METADATA_BYTES = 10 << 20  # OSTREE_MAX_METADATA_SIZE of libostree 2022.7: it would not read a larger one back

_METAS = 16  # remembered: a tree has thousands of directories and few owners and modes; each up to 64 KiB
_FILE = Kind.FILE.suffix


class Writer:
    """One transaction's objects, of which `written` were not here. Raises NoSpace, LimitExceeded, Failed."""

    def __init__(self, loose: Loose, staging: Staging) -> None:
        self._loose = loose
        self._staging = staging
        self._meta = functools.lru_cache(_METAS)(self._store_meta)
        self.written = 0

    def twin(self, room: Room) -> Self:
        """A writer into the same transaction, for another process; it has written nothing yet."""
        return type(self)(self._loose, self._staging.twin(room))

    def file(self, head: FileHead, size: int, chunks: Iterable[Data] = ()) -> str:
        """Store a regular file of `size` bytes, or a symlink (size 0, no chunks); the object's checksum.

        Of a chunk nothing is kept once the next is asked for.
        """
        form = stored(head)
        if form.target:
            check_size(size, 0)
        if size > SMALL_FILE:
            return self.large(form, size, chunks)
        return self.small(form, _whole(chunks, size))

    def small(self, form: Stored, data: Data) -> str:
        """Store a file that is in memory whole; the object's checksum."""
        digest = form.hash.copy()
        digest.update(data)
        name = digest.hexdigest()
        self._small(f"{name}.{_FILE}", data, form)
        return name

    def large(self, form: Stored, size: int, chunks: Iterable[Data]) -> str:
        """Store a file as it comes; the object's checksum."""
        with translated("writing a large file's object"):
            name = self._staging.stream(chunks, size, form)
            entry = f"{name}.{_FILE}"
            if self._loose.holds_file(entry, size, form.mode):
                self._staging.drop()
            else:
                self.written += self._staging.name(entry)
        return name

    def tree(self, tree: DirTree) -> str:
        """Store a dirtree."""
        return self.raw(Kind.DIRTREE, serialize_dirtree(tree))

    def meta(self, uid: int, gid: int, mode: int, xattrs: Xattrs = ()) -> str:
        """Store a dirmeta."""
        return self._meta(uid, gid, mode, tuple(xattrs))

    def commit(self, commit: Commit) -> str:
        """Store a commit object; no ref names it yet."""
        return self.raw(Kind.COMMIT, serialize_commit(commit))

    def raw(self, kind: Kind, data: bytes) -> str:
        """Store a dirtree, dirmeta or commit, its bytes unchanged; its caller made them, or parsed them."""
        if len(data) > METADATA_BYTES:
            raise LimitExceeded(f"a {kind.suffix} of {len(data)} bytes; {METADATA_BYTES} are allowed")
        name = hashlib.sha256(data).hexdigest()
        entry = f"{name}.{kind.suffix}"
        with translated(f"writing a {kind.suffix}"):
            if not self._loose.holds_metadata(entry, data):
                self.written += self._staging.metadata(entry, data)
        return name

    def keep(self, kind: Kind, name: str, disk_mode: int = METADATA_MODE) -> None:
        """Let an object that is already stored be part of the result; RepoCorrupt if it cannot be."""
        with translated(f"keeping {kind.suffix} {name}", otherwise=RepoCorrupt):
            self._loose.keep(f"{names.check_checksum(name)}.{kind.suffix}", disk_mode)

    def settle(self) -> None:
        """Everything onto the disk, then into its place, then the places onto the disk; only now a ref."""
        with translated("storing objects"):
            self._loose.sync()
            if self.written:
                published = self._staging.publish(self._loose)
                self._loose.sync()
                if published != self.written:
                    raise Failed(f"of {self.written} objects {published} were there to be stored")

    def _store_meta(self, uid: int, gid: int, mode: int, xattrs: Xattrs) -> str:
        return self.raw(Kind.DIRMETA, serialize_dirmeta(uid, gid, mode, xattrs))

    def _small(self, entry: str, data: Data, form: Stored) -> None:
        content = form.target or data
        try:
            if not self._loose.holds_file(entry, len(content), form.mode):
                self.written += self._staging.file(entry, content, form)
        except OSError as error:  # no `translated`: it would take longer than the look
            raise kernel.leaf(error, "writing a file's object", Failed) from error


def _whole(chunks: Iterable[Data], size: int) -> Data:
    """A small file's content in one piece; where it comes in one, as nearly always, it is not copied."""
    coming = iter(chunks)
    first = next(coming, b"")
    if len(first) == size:
        for piece in coming:
            check_size(size + len(piece), size)
        return first
    whole = bytearray(first)
    for piece in coming:
        whole += piece
        check_size(len(whole), size, whole=False)
    check_size(len(whole), size)
    return whole
