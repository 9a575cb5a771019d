# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A directory as the objects of a commit: read once for its names, and again when its contents leave.

Guarantees: the commit is a function of the names, the modes, the contents and the arguments, not of who reads
them, in which order, or with which umask; no symlink is followed, nothing is written; a file that changed
meanwhile does not leave, for it does not hash to its name. Owners are `owner`, and xattrs are not taken
along: both are the machine's that built the directory. Leaves to others: publishing.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appctld.errors import LimitExceeded, NotFound, RepoCorrupt, UnsafeArchive
from appctld.workers.export.publish.source.objects import RENAME, Found
from appctld.workers.store.directory import DEPTH
from appctld.workers.store.kernel import translated
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead, header, regular, symlink
from appctld.workers.store.ostree.tree import DirTree, checksum, serialize_dirmeta, serialize_dirtree
from appctld.workers.store.union import NAMES

_PIECE = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # what became a FIFO would wait for ever
_KINDS = {
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


@dataclass(frozen=True)
class Owner:
    """Who owns everything."""

    uid: int = 0
    gid: int = 0


class DirectoryObjects:
    """See `Objects`; `newest` is the latest time of what is in it, in seconds since 1970."""

    def __init__(self, root: Path, owner: Owner) -> None:
        """Read the directory. Raises NotFound, UnsafeArchive (what no image can hold), LimitExceeded."""
        self._root = root
        self._owner = owner
        self._made: dict[tuple[Kind, str], bytes] = {}
        self._files: dict[str, tuple[FileHead, int, Path]] = {}
        self._names = 0
        self.newest = 0
        with translated(f"opening {root}", otherwise=NotFound):
            top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.tree, self.meta = self._directory(top, Path(), 0)
        finally:
            os.close(top)

    def commit(self, timestamp: int, version: str) -> str:
        """Make a commit of it; its checksum."""
        said = {"version": version} if version else {}
        return self._add(Kind.COMMIT, serialize_commit(Commit(self.tree, self.meta, timestamp, said)))

    def names(self) -> Collection[str]:
        """The content objects."""
        return self._files.keys()

    def metadata(self, kind: Kind, name: str) -> bytes:
        """See `Objects`."""
        return self._made[kind, name]

    def file(self, name: str) -> Found:
        """See `Objects`."""
        head, size, path = self._files[name]
        return Found(head, size, iter(()) if head.target else self._again(path, name))

    def _again(self, path: Path, name: str) -> Iterator[bytes]:
        try:
            with translated(f"reading {path}", otherwise=RepoCorrupt):
                opened = os.open(self._root / path, _FILE)
                with os.fdopen(opened, "rb", buffering=0) as file:
                    while piece := file.read(_PIECE):
                        yield piece
        except RepoCorrupt as error:
            raise RepoCorrupt(error.detail, checksum=name, path=str(path), hint=_CHANGED) from error

    def _directory(self, opened: int, path: Path, depth: int) -> tuple[str, str]:
        """The dirtree and dirmeta of an open directory."""
        if depth > DEPTH:
            raise LimitExceeded(f"more than {DEPTH} directories below each other", limit=DEPTH)
        files: dict[str, str] = {}
        dirs: dict[str, tuple[str, str]] = {}
        with translated(f"reading {path}"):
            names, mode = sorted(os.listdir(opened)), self._seen(os.fstat(opened))
        self._count(len(names))
        for name in names:
            self._child(opened, name, path / name, _Children(files, dirs, depth))
        try:
            tree = serialize_dirtree(DirTree(files, dirs))
        except UnsafeArchive as error:
            raise UnsafeArchive(f"in {path}: {error.detail}", path=str(path), hint=RENAME) from error
        meta = serialize_dirmeta(self._owner.uid, self._owner.gid, mode)
        return self._add(Kind.DIRTREE, tree), self._add(Kind.DIRMETA, meta)

    def _child(self, above: int, name: str, path: Path, here: "_Children") -> None:
        with translated(f"reading {path}"):
            status = os.stat(name, dir_fd=above, follow_symlinks=False)
            mode = self._seen(status)
            if stat.S_ISDIR(mode):
                opened = os.open(name, _DIRECTORY, dir_fd=above)
                try:
                    here.dirs[name] = self._directory(opened, path, here.depth + 1)
                finally:
                    os.close(opened)
            elif stat.S_ISLNK(mode):
                here.files[name] = self._symlink(os.readlink(name, dir_fd=above), path)
            elif stat.S_ISREG(mode):
                here.files[name] = self._regular(above, name, path, mode)
            else:
                what = _KINDS.get(stat.S_IFMT(mode), "no file")
                raise UnsafeArchive(f"{what}, which no image can hold: {path}", path=str(path), hint=RENAME)

    def _regular(self, above: int, name: str, path: Path, mode: int) -> str:
        head = regular(self._owner.uid, self._owner.gid, mode)
        with os.fdopen(os.open(name, _FILE, dir_fd=above), "rb", buffering=0) as file:
            digest = hashlib.file_digest(file, lambda: hashlib.sha256(header(head)))
            size = file.tell()
        return self._keep(digest.hexdigest(), head, size, path)

    def _symlink(self, target: str, path: Path) -> str:
        head = symlink(self._owner.uid, self._owner.gid, target)
        try:
            name = hashlib.sha256(header(head)).hexdigest()
        except UnicodeEncodeError as error:
            raise UnsafeArchive(
                f"a symlink to what is not UTF-8: {path}", path=str(path), hint=RENAME
            ) from error
        return self._keep(name, head, 0, path)

    def _keep(self, name: str, head: FileHead, size: int, path: Path) -> str:
        self._files.setdefault(name, (head, size, path))
        return name

    def _seen(self, status: os.stat_result) -> int:
        self.newest = max(self.newest, int(status.st_mtime))
        return status.st_mode

    def _count(self, number: int) -> None:
        self._names += number
        if self._names > NAMES:
            raise LimitExceeded(f"more than {NAMES} files and directories", limit=NAMES)

    def _add(self, kind: Kind, data: bytes) -> str:
        name = checksum(data)
        self._made[kind, name] = data
        return name


@dataclass
class _Children:
    files: dict[str, str] = field(default_factory=dict)
    dirs: dict[str, tuple[str, str]] = field(default_factory=dict)
    depth: int = 0


_CHANGED = "did it change while it was published? Nothing was published"
