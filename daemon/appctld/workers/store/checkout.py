# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a checkout of a commit will hold, and what it will cost beside the objects that it links to.

Guarantees: every dirtree and dirmeta of the commit was hashed again and validated (R12), here or by whoever
knows it; the names in the tree, and those of any one file, are bounded; the cost is no less than what the
checkout takes, on a file system like ext4. Leaves to others: content (closure.py), the free space (space.py),
and the checkout itself (linking.py).
"""

import stat
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from appctld.errors import LimitExceeded
from appctld.workers.store.ostree.closure import Inode
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from appctld.workers.store.space import BLOCK
from appctld.workers.store.union import NAMES

FILE_NAMES = 32_000  # of one file in a tree: two versions fit into LINKS; real ones reach 5,000 (empty files)
LINKS = 65_000  # of one inode on ext4, the fewest of the file systems in use; what has more is copied

_INLINE = 60  # bytes of a symlink's object (with its NUL) up to which ext4 keeps the target in the inode
_ENTRY = 12  # bytes of a directory's entry beside its name, roughly
_NOTHING: Mapping[str, DirTree] = MappingProxyType({})
_TARGET = 4096  # the largest object that can be a symlink (PATH_MAX)


@dataclass
class Inventory:
    """`names`: how many names each content object has; `directories`: bytes that the directories take.

    `root` is the tree's dirtree, `trees` holds it and all below, by checksum.
    """

    root: str
    trees: dict[str, DirTree] = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)
    directories: int = 0
    _total: int = 0

    def add(self, tree: DirTree) -> None:
        """Count one directory, which may be the same as another. Raises LimitExceeded."""
        names = (*tree.files, *tree.dirs)
        self._total += len(names)
        if self._total > NAMES:
            raise LimitExceeded(f"more than {NAMES} files and directories", limit=NAMES)
        self.names.update(tree.files.values())
        used = len("".join(names).encode()) + _ENTRY * len(names)
        # A directory's blocks are half full after they were split
        self.directories += BLOCK if used < BLOCK else _blocks(2 * used)

    def cost(self, content: Mapping[str, Inode], symlinks: Collection[str]) -> int:
        """Bytes that a checkout takes at most: directories, symlinks, copies of what has too many links.

        `content` is what was seen of each content object, `symlinks` are those that hold one.
        """
        # What is one link to its object, as nearly all is, costs nothing
        linked = LINKS - max(self.names.values(), default=0)
        return self.directories + sum(
            _symlink_cost(content[name], names) if name in symlinks else _file_cost(content[name], names)
            for name, names in self.names.items()
            if content[name].links > linked or name in symlinks
        )


def inventory(repository: Repository, name: str, known: Mapping[str, DirTree] = _NOTHING) -> Inventory:
    """Walk a commit, every directory as often as it is there; `known` dirtrees are not read again.

    Raises RepoCorrupt, UnsafeArchive (R12 refuses it), LimitExceeded (names in the tree, or of one file).
    """
    commit = repository.commit(name)
    found = Inventory(commit.tree)
    trees = found.trees
    metas: set[str] = set()
    waiting = [(commit.tree, commit.meta)]
    while waiting:
        tree, meta = waiting.pop()
        if meta not in metas:
            repository.meta(meta)
            metas.add(meta)
        if tree not in trees:
            trees[tree] = known.get(tree) or repository.tree(tree)
        found.add(trees[tree])
        waiting += trees[tree].dirs.values()
    most = max(found.names.values(), default=0)
    if most > FILE_NAMES:
        raise LimitExceeded(f"a file with {most} names; {FILE_NAMES} are allowed", limit=FILE_NAMES)
    return found


def symlinks(repository: Repository, content: Mapping[str, Inode]) -> set[str]:
    """Those of the content objects that hold a symlink, which a bare-user repository keeps as a file.

    Raises RepoCorrupt for one without the attribute that says so.
    """
    small = (
        name for name, inode in content.items() if inode.size <= _TARGET and not inode.mode & stat.S_IXUSR
    )
    return {name for name in small if stat.S_ISLNK(repository.file_mode(name))}


def _symlink_cost(inode: Inode, names: int) -> int:
    """A symlink is no hard link to its object."""
    return names * _blocks(inode.size) if inode.size > _INLINE else 0


def _file_cost(inode: Inode, names: int) -> int:
    return max(0, names - max(0, LINKS - inode.links)) * _blocks(inode.size)


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
