# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Everything that some commits need, hashed again, each object once.

Guarantees: every object that is reached was read whole and hashed, or stands among the wrong ones; dirtrees
and dirmetas were validated (R12); what lies behind a wrong dirtree is not guessed at; what is no regular file
is not opened; nothing is written. Leaves to others: which commits, and what to do about what is wrong.
"""

import stat
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from appctld.errors import AppctlError
from appctld.workers.protocol import Report
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import disk_mode
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree

PROGRESS_BYTES = 16 << 20  # hashed between two reports: about ten a second

Object = tuple[Kind, str]


@dataclass
class Reached:
    """`needed_by` maps each object to those of the commits that need it.

    `wrong` says why; `touched` are those whose content is right and whose inode is not as we leave it.
    `modes` are those that the images gave their files, type included; `sizes` are the files' on the disk.
    """

    needed_by: dict[Object, set[str]] = field(default_factory=lambda: defaultdict(set))
    wrong: dict[Object, str] = field(default_factory=dict)
    touched: dict[Object, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    trees: dict[str, DirTree] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Bytes of content that were hashed."""
        return sum(self.sizes.values())

    def whole(self, commit: str) -> bool:
        """Whether nothing that this commit needs is missing or wrong."""
        return not any(commit in self.needed_by[obj] for obj in self.wrong)

    def content_size(self, commit: str) -> int:
        """Bytes of the content objects of a commit that is whole, each counted once."""
        files = (name for (kind, name), by in self.needed_by.items() if kind is Kind.FILE and commit in by)
        return sum(self.sizes[name] for name in files)


def reach(repository: Repository, commits: Iterable[str], report: Report) -> Reached:
    """Walk commits and hash all that they need."""
    walk = _Walk(repository)
    for name in sorted(set(commits)):
        walk.commit(name)
    done = told = 0
    for name in [name for kind, name in walk.found.needed_by if kind is Kind.FILE]:
        done += walk.file(name)
        if done - told >= PROGRESS_BYTES:
            told = done
            report({"bytes": done})
    report({"bytes": done})
    return walk.found


class _Walk:
    """Metadata on the way, content one by one."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._read: set[Object] = set()
        self.found = Reached()

    def commit(self, name: str) -> None:
        """Reach everything from one commit."""
        self.found.needed_by[Kind.COMMIT, name].add(name)
        if self._is_good(Kind.COMMIT, name, self._read_commit):
            commit = self.found.commits[name]
            self._directories(name, commit.tree, commit.meta)

    def file(self, name: str) -> int:
        """Hash one content object; its bytes."""
        if self._is_good(Kind.FILE, name, self._hash_file):
            self._look(Kind.FILE, name, disk_mode(self.found.modes[name]))
        return self.found.sizes.get(name, 0)

    def _directories(self, commit: str, tree: str, meta: str) -> None:
        needed_by = self.found.needed_by
        waiting = [(tree, meta)]
        while waiting:
            tree, meta = waiting.pop()
            needed_by[Kind.DIRMETA, meta].add(commit)
            self._is_good(Kind.DIRMETA, meta, self._repository.meta)
            if commit in needed_by[Kind.DIRTREE, tree]:
                continue
            needed_by[Kind.DIRTREE, tree].add(commit)
            if self._is_good(Kind.DIRTREE, tree, self._read_tree):
                here = self.found.trees[tree]
                for name in here.files.values():
                    needed_by[Kind.FILE, name].add(commit)
                waiting += here.dirs.values()

    def _is_good(self, kind: Kind, name: str, read: Callable[[str], object]) -> bool:
        """Whether an object is what its name says; it is read once, however often it is asked about."""
        if (kind, name) not in self._read:
            self._read.add((kind, name))
            try:
                self._check_regular(kind, name)
                read(name)
            except AppctlError as error:
                self.found.wrong[kind, name] = error.message
            else:
                if kind is not Kind.FILE:
                    self._look(kind, name, 0o444)
        return (kind, name) not in self.found.wrong

    def _check_regular(self, kind: Kind, name: str) -> None:
        """Opening a FIFO would wait for ever."""
        status = self._repository.stat(kind, name)
        if status is None:
            raise AppctlError(f"the {kind.suffix} object {name} is missing")
        if not stat.S_ISREG(status.st_mode):
            raise AppctlError(f"the {kind.suffix} object {name} is no regular file")
        if kind is Kind.FILE:
            self.found.sizes[name] = status.st_size

    def _read_commit(self, name: str) -> None:
        self.found.commits[name] = self._repository.commit(name)

    def _read_tree(self, name: str) -> None:
        self.found.trees[name] = self._repository.tree(name)

    def _hash_file(self, name: str) -> None:
        self._repository.verify(Kind.FILE, name)
        self.found.modes[name] = self._repository.file_mode(name)

    def _look(self, kind: Kind, name: str, mode: int) -> None:
        """Note an inode that is not as we leave it: only content objects get a time of their own, 0."""
        status = self._repository.stat(kind, name)
        if status is None:
            return
        found = stat.S_IMODE(status.st_mode)
        if found != mode:
            self.found.touched[kind, name] = f"the {kind.suffix} object {name} has mode {found:04o}"
        elif kind is Kind.FILE and status.st_mtime_ns != 0:
            self.found.touched[kind, name] = f"the {kind.suffix} object {name} has another time than 0"
