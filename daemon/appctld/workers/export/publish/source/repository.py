# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A repository of OSTree, of any mode, from which one commit is published.

Guarantees: it is only read, and needs no right but that; never created. Leaves to others: hashing what it
gives (objects.py). A prune that goes on meanwhile is an object that is missing.
"""

import contextlib
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from gi.repository import Gio, GLib, OSTree

from appctld.errors import NotFound, RepoCorrupt
from appctld.workers.export.publish.source.objects import HINT, Found
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead
from appctld.workers.store.ostree.tree import Xattrs, parse_xattrs

_AT_FDCWD = -100  # fcntl.h
_PIECE = 1 << 20
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


class RepositoryObjects:
    """See `Objects`."""

    def __init__(self, library: OSTree.Repo) -> None:
        self._library = library

    @classmethod
    def open(cls, path: Path) -> "RepositoryObjects":
        """Open the repository. Raises NotFound."""
        try:
            with translated("opening the repository", otherwise=NotFound):
                return cls(OSTree.Repo.open_at(_AT_FDCWD, str(path), None))
        except (NotFound, RepoCorrupt) as error:
            hint = "--repo DIR    (a repository of OSTree)"
            raise NotFound(f"{path} is no repository of OSTree", hint=hint, path=str(path)) from error

    def resolve(self, rev: str) -> str:
        """The checksum of a commit that is here, by that or by a ref. Raises NotFound."""
        if _CHECKSUM.fullmatch(rev):
            return rev
        with contextlib.suppress(GLib.Error):
            _, found = self._library.resolve_rev(rev, True)  # noqa: FBT003 - libostree's
            if found:
                return str(found)
        hint = "ostree refs --repo=REPO    (what there is)"
        raise NotFound(f"the repository has no ref and no commit {rev!r}", hint=hint, ref=rev)

    def detached(self, commit: str) -> bytes:
        """The commit's detached metadata, where its signatures are; empty if it has none."""
        with translated(f"reading the signatures of {commit}", otherwise=RepoCorrupt):
            _, found = self._library.read_commit_detached_metadata(commit, None)
        return b"" if found is None else found.get_data_as_bytes().get_data()

    def metadata(self, kind: Kind, name: str) -> bytes:
        """See `Objects`."""
        with _reading(kind, name):
            _, found = self._library.load_variant(kind.library, name)
        return found.get_data_as_bytes().get_data()

    def file(self, name: str) -> Found:
        """See `Objects`."""
        with _reading(Kind.FILE, name):
            _, stream, info, xattrs = self._library.load_file(name, None)
            size = 0 if stream is None else info.get_size()
        return Found(_head(info, xattrs), size, _chunks(stream, name))


def _head(info: Gio.FileInfo, xattrs: GLib.Variant) -> FileHead:
    target = info.get_symlink_target() or ""
    mode = stat.S_IFLNK | 0o777 if target else info.get_attribute_uint32("unix::mode")
    uid, gid = info.get_attribute_uint32("unix::uid"), info.get_attribute_uint32("unix::gid")
    return FileHead(uid, gid, mode, target, _xattrs(xattrs))


def _xattrs(xattrs: GLib.Variant) -> Xattrs:
    data = xattrs.get_data_as_bytes().get_data()
    return parse_xattrs(data, "a file's xattrs") if data else ()


def _chunks(stream: Gio.InputStream | None, name: str) -> Iterator[bytes]:
    while stream is not None:
        with _reading(Kind.FILE, name):
            piece = stream.read_bytes(_PIECE, None).get_data()
        if not piece:
            return
        yield piece


@contextlib.contextmanager
def _reading(kind: Kind, name: str) -> Iterator[None]:
    try:
        with translated(f"reading {kind} {name}", otherwise=RepoCorrupt):
            yield
    except RepoCorrupt as error:
        raise RepoCorrupt(error.detail, hint=HINT, checksum=name) from error
