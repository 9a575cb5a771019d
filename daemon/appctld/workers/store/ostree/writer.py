# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Writing objects into the repository, inside one transaction (repository.py opens and ends it).

Guarantees: the checksum of every object is computed here from the bytes that are stored, and libostree must
have computed the same (R3); an object that exists is a reason not to write, never not to hash (R4), and one
that is not what its name says is replaced by a fresh inode; after `settle` every object that was written or
met is 0444 or 0555 (R12) and on the disk (R10). Memory is bounded: a large file is spooled.
"""

import hashlib
import itertools
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from gi.repository import Gio, GLib, OSTree

from appctld.errors import Failed, LimitExceeded, RepoCorrupt
from appctld.workers.store import disk, space
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import FileHead, header
from appctld.workers.store.ostree.tree import DirTree, Xattrs, serialize_dirmeta, serialize_dirtree

SMALL_FILE = 1 << 20  # held in memory; spooling costs a second write, which only large files should pay
METADATA_BYTES = 10 << 20  # OSTREE_MAX_METADATA_SIZE of libostree 2022.7: it would not read a larger one back

Data = bytes | bytearray | memoryview

_FORMATS = {
    Kind.DIRTREE: "(a(say)a(sayay))",
    Kind.DIRMETA: "(uuua(ayay))",
    Kind.COMMIT: "(a{sv}aya(say)sstayay)",
}


class Writer:
    """One transaction's objects, of which `written` were not here. Raises NoSpace, LimitExceeded, Failed."""

    def __init__(self, library: OSTree.Repo, spool: Path) -> None:
        self._library = library
        self._spool = spool
        self._root = library.get_dfd()
        self._modes: dict[tuple[Kind, str], int] = {}
        self._room = space.Room(self._free)
        self.written = 0

    def file(self, head: FileHead, size: int, chunks: Iterable[Data] = ()) -> str:
        """Store a regular file of `size` bytes, or a symlink (size 0, no chunks); the object's checksum."""
        start = header(head)
        # libostree keeps a symlink's target with its NUL
        stored = len(head.target.encode()) + 1 if head.target else size
        if size <= SMALL_FILE:
            data = start + b"".join(chunks)
            _check_size(len(data) - len(start), size)
            stream = Gio.MemoryInputStream.new_from_bytes(GLib.Bytes.new(data))
            return self._store(head, hashlib.sha256(data).hexdigest(), (stream, len(data)), stored)
        self._room.take(size)
        # The file gets no name (O_TMPFILE), so libostree's cleaning of tmp/ and a crash leave nothing to find
        with translated("spooling a large file"), tempfile.TemporaryFile(dir=self._spool) as spool:
            name, length = _spool(spool, start, chunks)
            _check_size(length - len(start), size)
            # libostree itself needs /proc to give its temporary files their names
            spooled = Gio.File.new_for_path(f"/proc/self/fd/{spool.fileno()}").read(None)
            return self._store(head, name, (spooled, length), stored)

    def tree(self, tree: DirTree) -> str:
        """Store a dirtree."""
        return self._metadata(Kind.DIRTREE, serialize_dirtree(tree))

    def meta(self, uid: int, gid: int, mode: int, xattrs: Xattrs = ()) -> str:
        """Store a dirmeta."""
        return self._metadata(Kind.DIRMETA, serialize_dirmeta(uid, gid, mode, xattrs))

    def commit(self, commit: Commit) -> str:
        """Store a commit object; no ref names it yet."""
        return self._metadata(Kind.COMMIT, serialize_commit(commit))

    def raw(self, kind: Kind, data: bytes) -> str:
        """Store a dirtree, dirmeta or commit of a publisher's, its bytes unchanged; its caller parsed it."""
        return self._metadata(kind, data)

    def keep(self, kind: Kind, name: str, disk_mode: int = 0o444) -> None:
        """Let `settle` see to an object that is already stored and that the result will use."""
        self._modes[kind, name] = disk_mode

    def settle(self) -> None:
        """After the transaction's commit: modes, then everything on the disk; only now may a ref appear."""
        with translated("setting the modes of objects", otherwise=RepoCorrupt):
            for (kind, name), mode in self._modes.items():
                self._set_mode(loose_path(kind, name), mode)
        with translated("syncfs"):
            disk.sync(self._root)

    # --- storing --------------------------------------------------------------------------------

    def _store(self, head: FileHead, name: str, data: tuple[Gio.InputStream, int], stored: int) -> str:
        """`data`, header and content and how long both are, hashed to `name`; `stored` is the file's size."""
        if not self._is_stored(name, stored):
            self._room.take(stored)
            with translated("writing a file's object"):
                _, found = self._library.write_content(None, *data, None)
            _agree(found, name)
            self.written += 1
        self._modes[Kind.FILE, name] = head.disk_mode
        return name

    def _metadata(self, kind: Kind, data: bytes) -> str:
        if len(data) > METADATA_BYTES:
            raise LimitExceeded(f"a {kind.suffix} of {len(data)} bytes; {METADATA_BYTES} are allowed")
        name = hashlib.sha256(data).hexdigest()
        if not self._is_kept(kind, name, data):
            self._room.take(len(data))
            with translated(f"writing a {kind.suffix}"):
                of, raw = GLib.VariantType.new(_FORMATS[kind]), GLib.Bytes.new(data)
                variant = GLib.Variant.new_from_bytes(of, raw, False)  # noqa: FBT003 - untrusted
                _, found = self._library.write_metadata(kind.library, None, variant, None)
            _agree(found, name)
            self.written += 1
        self._modes[kind, name] = 0o444
        return name

    def _is_stored(self, name: str, size: int) -> bool:
        """Whether the file's object need not be written; what does not look right is hashed again."""
        if (Kind.FILE, name) in self._modes:
            return True
        path = loose_path(Kind.FILE, name)
        try:
            found = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if stat.S_ISREG(found.st_mode) and found.st_size == size and found.st_mtime == 0:
            return True  # libostree gives every content object this time
        try:
            with translated("hashing an object", otherwise=RepoCorrupt):
                self._library.fsck_object(Kind.FILE.library, name, None)
        except RepoCorrupt:
            os.unlink(path, dir_fd=self._root)
            return False
        return True

    def _is_kept(self, kind: Kind, name: str, data: bytes) -> bool:
        """Whether the metadata object need not be written; it is small enough to be compared."""
        if (kind, name) in self._modes:
            return True
        path = loose_path(kind, name)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(path, flags, dir_fd=self._root), "rb") as file:
                same = file.read(len(data) + 1) == data
        except FileNotFoundError:
            return False
        except OSError:  # a symlink, say: what it leads to is not the repository's
            same = False
        if not same:
            os.unlink(path, dir_fd=self._root)
        return same

    def _set_mode(self, path: str, mode: int) -> None:
        found = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        if found.st_mode & 0o7777 == mode:
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def _free(self) -> int:
        return free_space(self._library)


def free_space(library: OSTree.Repo) -> int:
    """Bytes that may still be written beside a repository: its min-free-space stays free."""
    with translated("looking at the free space"):
        _, reserve = library.get_min_free_space_bytes()
        return space.free(library.get_dfd(), reserve)


def _spool(spool: IO[bytes], start: bytes, chunks: Iterable[Data]) -> tuple[str, int]:
    """Write header and content; the checksum and length of what was written."""
    digest = hashlib.sha256()
    for piece in itertools.chain((start,), chunks):
        digest.update(piece)
        spool.write(piece)
    spool.flush()
    return digest.hexdigest(), spool.tell()


def _check_size(found: int, promised: int) -> None:
    if found != promised:
        raise Failed(f"a file of {promised} bytes came as {found}")


def _agree(found: bytes, name: str) -> None:
    """What libostree computed from the same bytes must be what we computed (R3)."""
    if bytes(found).hex() != name:
        raise Failed(f"libostree stored {bytes(found).hex()} where we computed {name}")
