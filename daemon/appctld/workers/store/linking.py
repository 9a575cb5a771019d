# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A checkout: a tree's directories and symlinks, and hard links to its objects, in a directory that is new.

Guarantees: what is made is made new (nothing is replaced, nothing added to what was there), below descriptors
of directories that this process just made, so no symlink is followed; directories are 0755, files 0444 or
0555 (R12), times those of the objects. Leaves to others: that names are names (tree.py) and objects what they
were (closure.py), whether there is room (checkout.py), and the syncs (deploy.py).
"""

import errno
import os
import stat
from collections.abc import Collection, Mapping

from appctld.workers.store.ostree.closure import Inode
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.tree import DirTree

_OPEN = 0o755  # deployments are read by every user who runs the app
_NO_LINK = {errno.EMLINK, errno.EXDEV, errno.EPERM}  # a copy will do: too many links, or none to there
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TARGET = 4096  # PATH_MAX, with the NUL that libostree keeps too
_PIECE = 1 << 30  # bytes asked of one sendfile, which gives fewer


class Checkout:
    """One tree on its way out of the repository; `own` counts the bytes that it takes beside the objects.

    `content` is what was seen of each content object, `symlinks` are those that hold one.
    """

    def __init__(
        self,
        repository: int,
        trees: Mapping[str, DirTree],
        content: Mapping[str, Inode],
        symlinks: Collection[str],
    ) -> None:
        self._repository = repository
        self._trees = trees
        self._content = content
        self._symlinks = symlinks
        self.own = 0

    def make(self, name: str, tree: str, within: int) -> None:
        """Make a directory with all that a dirtree holds. Raises OSError, FileExistsError among them."""
        os.mkdir(name.encode(), _OPEN, dir_fd=within)  # a name is UTF-8, whatever this machine's locale is
        directory = os.open(name.encode(), _DIRECTORY, dir_fd=within)
        try:
            here = self._trees[tree]
            for file, content in here.files.items():
                self._file(file.encode(), content, directory)
            for below, (inner, _) in here.dirs.items():
                self.make(below, inner, directory)
            status = os.fstat(directory)
            if stat.S_IMODE(status.st_mode) != _OPEN:  # the umask, or a directory above that gives its group
                os.fchmod(directory, _OPEN)
        finally:
            os.close(directory)
        self.own += _on_disk(status)

    def _file(self, name: bytes, content: str, within: int) -> None:
        path = loose_path(Kind.FILE, content)
        if content in self._symlinks:
            self._symlink(name, path, within)
            return
        try:
            os.link(path, name, src_dir_fd=self._repository, dst_dir_fd=within, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            self._copy(name, path, self._content[content], within)

    def _symlink(self, name: bytes, path: str, within: int) -> None:
        source = os.open(path, _READ, dir_fd=self._repository)
        try:
            target = os.read(source, _TARGET).partition(b"\0")[0]
        finally:
            os.close(source)
        os.symlink(target, name, dir_fd=within)
        self.own += _on_disk(os.stat(name, dir_fd=within, follow_symlinks=False))

    def _copy(self, name: bytes, path: str, inode: Inode, within: int) -> None:
        with (
            os.fdopen(os.open(path, _READ, dir_fd=self._repository), "rb") as source,
            os.fdopen(os.open(name, _NEW, 0o600, dir_fd=within), "wb") as copy,
        ):
            while os.sendfile(copy.fileno(), source.fileno(), None, _PIECE):
                pass
            os.fchmod(copy.fileno(), inode.mode)
            os.utime(copy.fileno(), ns=(0, 0))
            self.own += _on_disk(os.fstat(copy.fileno()))


def _on_disk(status: os.stat_result) -> int:
    return status.st_blocks * 512  # stat(2): whatever the file system's own blocks are
