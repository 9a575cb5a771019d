# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The one OSTree repository: opening it, its locks, its refs, and what is stored in it.

Guarantees: a bare-user repository; a ref is on the disk, whole, before `write_ref` returns (libostree does
not sync refs: R10); metadata is hashed again whenever it is read; every failure is a leaf of errors. Leaves
to others: writing objects (`writer.py`, through `transaction`), and what the objects mean.

How it is used::

    repository = Repository.open(path)
    with repository.shared():                      # from the first existence check until the ref is durable
        with repository.transaction() as writer:   # all or nothing; on disk, 0444 or 0555 when it is left
            checksum = writer.file(head, size, chunks)
        repository.write_ref(names.check_layer_ref(ref), checksum)
"""

import contextlib
import functools
import os
import secrets
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Self

from gi.repository import GLib, OSTree

from appctld.errors import Busy, Failed, RepoCorrupt
from appctld.workers.store import kernel, names, space
from appctld.workers.store.ostree import owner
from appctld.workers.store.ostree.commit import Commit, parse_commit
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.loose import Loose
from appctld.workers.store.ostree.objects import FileHead, parse_head
from appctld.workers.store.ostree.rehash import is_whole_file
from appctld.workers.store.ostree.staging import Staging
from appctld.workers.store.ostree.tree import DirMeta, DirTree, checksum, parse_dirmeta, parse_dirtree
from appctld.workers.store.ostree.writer import Writer

LOCK_SECONDS = 30  # longer than any commit or prune that was measured; the caller then hears Busy
_LOOK_AGAIN = 0.05  # seconds: a moment beside what the others hold a lock for

_REFS = "refs/heads"
# Without O_NONBLOCK opening a FIFO that somebody put in an object's place would wait for ever
_OBJECT = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Repository:
    """One libostree Repo for one process and one thread; make it with `open`.

    `library` is the Repo itself, for the calls that only one file needs (prune, checkout); `directory` is a
    descriptor of the repository, to which object paths are relative.
    """

    def __init__(self, path: Path, library: OSTree.Repo) -> None:
        self.path = path
        self._top = f"{path}/"
        self.library = library
        self.directory = library.get_dfd()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the repository, and create it where there is none; another program's is RepoCorrupt."""
        with translated("opening the repository"):
            if owner.is_to_be_made(path):
                _create(path)
            library = OSTree.Repo.open_at(_AT_FDCWD, str(path), None)
        return cls(path, library)

    # --- locks ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Keep prune out, let other imports in; raises Busy after LOCK_SECONDS."""
        yield from self._locked(OSTree.RepoLockType.SHARED, "what nothing needs is being removed just now")

    @contextlib.contextmanager
    def exclusive(self, *, wait: bool = True) -> Iterator[None]:
        """Keep everybody out; raises Busy after LOCK_SECONDS, or at once without `wait`."""
        busy = "what is stored is being read or changed just now"
        yield from self._locked(OSTree.RepoLockType.EXCLUSIVE, busy, wait=wait)

    def _locked(
        self, kind: OSTree.RepoLockType, busy: str, *, wait: bool = True
    ) -> Generator[None, None, None]:
        until = time.monotonic() + (LOCK_SECONDS if wait else 0)
        while not self._try(kind):
            if time.monotonic() >= until:
                raise Busy(busy)
            time.sleep(_LOOK_AGAIN)
        try:
            yield
        finally:
            with translated("unlocking the repository"):
                self.library.lock_pop(kind, None)

    def _try(self, kind: OSTree.RepoLockType) -> bool:
        """Take a lock if it is free. How long to wait is ours to say: libostree has one time-out for all."""
        try:
            with translated("locking the repository"):
                self.library.lock_push(kind, None)
        except Busy:
            return False
        return True

    # --- objects --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Writer]:
        """Write objects: durable and 0444 or 0555 when the block ends, gone when it raises. Hold `shared`."""
        room = space.Room(self.free_space)
        with Staging.opened(self.directory, room) as staging, Loose.opened(self.directory) as loose:
            writer = Writer(loose, staging)
            yield writer
            writer.settle()

    def load(self, kind: Kind, name: str) -> bytes:
        """A metadata object's bytes, hashed again: missing or other than its name says is RepoCorrupt."""
        names.check_checksum(name)
        try:
            data = self._read(kind, name)
        except OSError as error:  # no `translated`: it would take longer than the reading
            raise kernel.leaf(error, f"reading {kind.suffix} {name}", Failed) from error
        if checksum(data) != name:
            raise RepoCorrupt(f"the {kind.suffix} object {name} is not what it was", checksum=name)
        return data

    def _read(self, kind: Kind, name: str) -> bytes:
        try:
            descriptor = os.open(loose_path(kind, name), _OBJECT, dir_fd=self.directory)
        except FileNotFoundError as error:
            raise RepoCorrupt(f"the {kind.suffix} object {name} is missing", checksum=name) from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise RepoCorrupt(f"the {kind.suffix} object {name} is no regular file", checksum=name)
            return os.read(descriptor, status.st_size)
        finally:
            os.close(descriptor)

    def tree(self, name: str) -> DirTree:
        """A stored dirtree, validated (R12)."""
        return parse_dirtree(self.load(Kind.DIRTREE, name))

    def meta(self, name: str) -> DirMeta:
        """A stored dirmeta, validated."""
        return parse_dirmeta(self.load(Kind.DIRMETA, name))

    def commit(self, name: str) -> Commit:
        """A stored commit."""
        return parse_commit(self.load(Kind.COMMIT, name))

    def verify(self, kind: Kind, name: str) -> None:
        """Hash a stored object of any kind again, content and attributes: RepoCorrupt if it is another."""
        with translated(f"hashing {kind.suffix} {names.check_checksum(name)}", otherwise=RepoCorrupt):
            if kind is Kind.FILE and is_whole_file(self.directory, name):
                return
            self.library.fsck_object(kind.library, name, None)  # it has the last word, and the words

    def file_mode(self, name: str) -> int:
        """A stored file's mode, type included, as its image gave it; missing or unreadable is RepoCorrupt."""
        try:
            attributes = os.getxattr(self._top + loose_path(Kind.FILE, name), "user.ostreemeta")
        except OSError as error:
            raise kernel.leaf(error, f"reading file {name}", RepoCorrupt) from error
        return int.from_bytes(attributes[8:12])  # big-endian (uuua(ayay)): uid, gid, mode, xattrs

    def file_head(self, name: str) -> FileHead:
        """A stored file's attributes, as its publisher gave them, without a symlink's target."""
        with translated(f"reading file {name}", otherwise=RepoCorrupt):
            return parse_head(os.getxattr(self.path / loose_path(Kind.FILE, name), "user.ostreemeta"))

    def stat(self, kind: Kind, name: str) -> os.stat_result | None:
        """What the file system says about an object; None if there is none."""
        try:
            return os.stat(loose_path(kind, name), dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def free_space(self) -> int:
        """Bytes that may still be written: min-free-space stays free, which is ours to see to."""
        with translated("looking at the free space"):
            return space.free(self.directory, self.reserve())

    def room(self) -> space.Room:
        """What may still be written, as `free_space` says it, but never asking libostree again."""
        with translated("looking at the free space"):
            return space.Room(functools.partial(space.free, self.directory, self.reserve()))

    def reserve(self) -> int:
        """Bytes that stay free."""
        _, reserve = self.library.get_min_free_space_bytes()
        return reserve

    # --- refs -----------------------------------------------------------------------------------

    def refs(self, prefix: str | None = None) -> dict[str, str]:
        """Every ref at or below `prefix` (whole components), with the commit it names."""
        with translated("listing refs"):
            _, found = self.library.list_refs_ext(prefix, OSTree.RepoListRefsExtFlags.NONE, None)
        return found

    def ref(self, name: str) -> str | None:
        """The commit that this ref names."""
        return self.refs(names.check_ref(name)).get(name)

    def write_ref(self, name: str, commit: str) -> None:
        """Let a ref name a commit; it is on the disk, whole, when this returns (R10).

        libostree's own call neither syncs the file before its rename nor its directory after it, so a power
        cut leaves no ref, or an empty one; hence these bytes are written here. Raises NoSpace.
        """
        target = self.path / _REFS / names.check_ref(name)
        # not beside the ref: after a crash libostree would take the temporary file for one
        temporary = self.path / "tmp" / f"appctl-ref-{secrets.token_hex(8)}"
        with translated(f"writing ref {name}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_synced(temporary, f"{names.check_checksum(commit)}\n".encode())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            self._sync_directories(target.parent)

    def drop_ref(self, name: str) -> None:
        """Remove a ref, durably; one that is not there is no error."""
        self.drop_refs([name])

    def drop_refs(self, found: Iterable[str]) -> None:
        """Remove refs, durably; each directory is put on the disk once, however many were in it."""
        targets = [f"{self.path}/{_REFS}/{names.check_ref(name)}" for name in found]
        with translated("dropping refs"):
            for target in targets:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(target)  # noqa: PTH108 - there may be ten thousand
            for directory in {Path(target).parent for target in targets}:
                if directory.is_dir():
                    _sync(directory)

    def _sync_directories(self, directory: Path) -> None:
        """Up to refs/heads: each of them may be new."""
        for current in (directory, *directory.parents):
            _sync(current)
            if current == self.path / _REFS:
                break


_AT_FDCWD = -100  # fcntl.h


def _create(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    library = OSTree.Repo.create_at(_AT_FDCWD, str(path), OSTree.RepoMode.BARE_USER, None, None)
    config: GLib.KeyFile = library.copy_config()
    config.set_integer("core", "lock-timeout-secs", 0)  # see `Repository._try`
    owner.mark(config)
    library.write_config(config)


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
