# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The tars of an image that holds a commit: ostree-ext's format, version 1.

Guarantees: the first layer is the skeleton, the commit, what is signed over it, its directories, then the
files that no other layer has; the others are skeleton and files. Every object leaves once, hashed against its
name, a file's xattrs directly before it; attributes that no importer of ours takes do not leave. What stands
elsewhere is a view of the objects for container engines. Leaves to others: compressing, and which file goes
where (chunks.py).
"""

import stat
from collections.abc import Iterator, Mapping, Sequence

from appctld.errors import UnsafeArchive
from appctld.workers.export.publish import tar
from appctld.workers.export.publish.chunks import Chunk
from appctld.workers.export.publish.source.objects import content
from appctld.workers.export.publish.source.source import Source
from appctld.workers.export.publish.tree import Directory, Tree
from appctld.workers.store.ostree.objects import FileHead, check_published
from appctld.workers.store.ostree.tree import serialize_xattrs
from appctld.workers.store.ostree_ext.layout import CONFIG

_REPOSITORY = "sysroot/ostree/repo"
_ABOVE = ("sysroot", "sysroot/ostree", _REPOSITORY, f"{_REPOSITORY}/objects")
_BELOW = ("extensions", "refs", "refs/heads", "refs/mirrors", "refs/remotes", "state", "tmp", "tmp/cache")
_ETC, _SHOWN_ETC = "usr/etc", "etc"
_HIDDEN = "sysroot"  # at the top: there the view has the repository
_SCRATCH = "var/tmp"  # an engine's programs expect it, and a commit's /var is empty


class StructuredForm:
    """The layers of one commit."""

    def __init__(self, source: Source, tree: Tree) -> None:
        """Raises UnsafeArchive: a tree that has no view."""
        self._source = source
        self._tree = tree
        self._written: set[str] = set()
        _check_view(tree)

    def layer(self, chunk: Chunk, *, first: bool) -> Iterator[bytes]:
        """The tar of a chunk. Raises RepoCorrupt."""
        yield from _skeleton(first=first)
        if first:
            yield from self._directories()
        for name in chunk.files:
            yield from self._file(name)
        yield tar.END

    @staticmethod
    def annotations(chunk: Chunk) -> Mapping[str, str]:
        """What the manifest says of a chunk's layer."""
        return {"ostree.components": chunk.name} if chunk.name else {}

    def _directories(self) -> Iterator[bytes]:
        yield from self._object("commit", self._source.name, self._source.commit)
        if self._source.detached:
            yield from self._object("commitmeta", self._source.name, self._source.detached)
        for directory in self._tree.directories:
            meta = self._tree.attributes[directory.meta]
            check_published(directory.path, meta.mode, meta.xattrs, strict=False)
            yield from self._object("dirmeta", directory.meta, self._tree.metas[directory.meta])
            yield self._view(directory)
            yield from self._object("dirtree", directory.tree, self._tree.trees[directory.tree])
        if not self._has(_SCRATCH) and "var" not in self._tree.paths:
            yield tar.header(_SCRATCH, tar.DIRECTORY, mode=0o1777)

    def _has(self, path: str) -> bool:
        return path in self._tree.paths or any(path == directory.path for directory in self._tree.directories)

    def _view(self, directory: Directory) -> bytes:
        path, found = shown(directory.path), self._tree.attributes[directory.meta]
        if not path:
            return b""
        mode = stat.S_IMODE(found.mode)
        return tar.header(path, tar.DIRECTORY, mode=mode, uid=found.uid, gid=found.gid)

    def _object(self, suffix: str, name: str, data: bytes) -> Iterator[bytes]:
        """A metadata object, unless it stands there already."""
        path = _path(name, suffix)
        if path not in self._written:
            self._written.add(path)
            yield tar.header(path, tar.FILE, mode=0o644, size=len(data))
            yield data + tar.padding(len(data))

    def _file(self, name: str) -> Iterator[bytes]:
        found = self._source.objects.file(name)
        check_published(self._tree.files[name][0], found.head.mode, found.head.xattrs, strict=False)
        head, where = found.head, _path(name, "file")
        xattrs = serialize_xattrs(head.xattrs)
        yield tar.header(_path(name, "file-xattrs-link"), tar.FILE, mode=0o644, size=len(xattrs))
        yield xattrs + tar.padding(len(xattrs)) + tar.pax_xattrs(head.xattrs)
        yield _entry(where, head, found.size)
        yield from content(name, found)
        yield tar.padding(found.size)
        for path in map(shown, self._tree.files[name]):
            if path:
                yield _viewed(path, where, head, found.size)


def _viewed(path: str, where: str, head: FileHead, size: int) -> bytes:
    """A link to the object; what is empty stands for itself, for links to one empty file would be many."""
    if not head.target and not size:
        return tar.pax_xattrs(head.xattrs) + _entry(path, head, 0)
    mode = stat.S_IMODE(head.mode)
    return tar.header(path, tar.HARD_LINK, mode=mode, uid=head.uid, gid=head.gid, link=where)


def _entry(path: str, head: FileHead, size: int) -> bytes:
    kind, mode = tar.SYMLINK if head.target else tar.FILE, stat.S_IMODE(head.mode)
    return tar.header(path, kind, mode=mode, uid=head.uid, gid=head.gid, size=size, link=head.target)


def _skeleton(*, first: bool) -> Iterator[bytes]:
    above = ("./", *_ABOVE) if first else _ABOVE
    shards = (f"{_REPOSITORY}/objects/{number:02x}" for number in range(256))
    for path in (*above, *shards, *(f"{_REPOSITORY}/{name}" for name in _BELOW)):
        yield tar.header(path, tar.DIRECTORY, mode=0o755)
    yield tar.header(f"{_REPOSITORY}/config", tar.FILE, mode=0o644, size=len(CONFIG))
    yield CONFIG + tar.padding(len(CONFIG))


def _path(name: str, suffix: str) -> str:
    return f"{_REPOSITORY}/objects/{name[:2]}/{name[2:]}.{suffix}"


def shown(path: str) -> str:
    """Where a path of the commit stands in the view; "" for nowhere."""
    if path == _HIDDEN or path.startswith(f"{_HIDDEN}/"):
        return ""
    if path == _ETC or path.startswith(f"{_ETC}/"):
        return _SHOWN_ETC + path.removeprefix(_ETC)
    return path


def _check_view(tree: Tree) -> None:
    """Two things of a tree cannot stand at one place."""
    tops: Sequence[str] = [directory.path for directory in tree.directories]
    if _ETC in tops and (_SHOWN_ETC in tops or _SHOWN_ETC in tree.paths):
        hint = "--plain    (an ordinary image can have both)"
        raise UnsafeArchive(
            "a tree with /etc and /usr/etc, of which an image that holds a commit shows one",
            path=_SHOWN_ETC,
            hint=hint,
        )
