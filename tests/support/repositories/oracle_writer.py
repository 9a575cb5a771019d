# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Objects written by libostree itself, and objects as they lie in a repository, to hold ours against.

    with libostree_writer(repo) as writer:
        writer.file(head, b"content")
    assert stored(ours) == stored(repo)

`write_content` and `write_metadata` get no expected checksum: with one, libostree believes it.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gi.repository import Gio, GLib, OSTree

from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead, header
from appctld.workers.store.ostree.repository import Repository

_FORMATS = {
    Kind.DIRTREE: "(a(say)a(sayay))",
    Kind.DIRMETA: "(uuua(ayay))",
    Kind.COMMIT: "(a{sv}aya(say)sstayay)",
}


class LibostreeWriter:
    """One transaction of libostree's."""

    def __init__(self, library: OSTree.Repo) -> None:
        self._library = library

    def file(self, head: FileHead, content: bytes = b"") -> str:
        """Store a file; its checksum, as libostree computed it."""
        data = header(head) + content
        stream = Gio.MemoryInputStream.new_from_bytes(GLib.Bytes.new(data))
        return bytes(self._library.write_content(None, stream, len(data), None)[1]).hex()

    def raw(self, kind: Kind, data: bytes) -> str:
        """Store a metadata object; its checksum."""
        of = GLib.VariantType.new(_FORMATS[kind])
        variant = GLib.Variant.new_from_bytes(of, GLib.Bytes.new(data), False)  # noqa: FBT003 - untrusted
        return bytes(self._library.write_metadata(kind.library, None, variant, None)[1]).hex()


@contextmanager
def libostree_writer(repo: Path) -> Iterator[LibostreeWriter]:
    """What is written in the block is in the repository, which is made if need be, when it ends."""
    library = Repository.open(repo).library
    library.prepare_transaction(None)
    yield LibostreeWriter(library)
    library.commit_transaction(None)


def of_bytes(data: bytes) -> GLib.Variant:
    """An `ay` in one piece: of a Python value PyGObject makes an object for each byte."""
    return GLib.Variant.new_from_bytes(GLib.VariantType.new("ay"), GLib.Bytes.new(data), True)  # noqa: FBT003


@dataclass(frozen=True)
class Object:
    """All of an object that means anything; `time` and `runs` are a file's, for libostree sets no other."""

    content: bytes
    attributes: bytes | None = None
    time: int = 0
    runs: bool = False


def stored(repo: Path, *, commits: bool = True) -> dict[str, Object]:
    """Every object of a repository by its file name."""
    found = [path for path in repo.glob("objects/??/*") if commits or path.suffix != ".commit"]
    return {path.parent.name + path.name: _read(path) for path in found}


def _read(path: Path) -> Object:
    status = path.lstat()
    assert stat.S_ISREG(status.st_mode), path
    if path.suffix != ".file":
        return Object(path.read_bytes())
    attributes = os.getxattr(path, "user.ostreemeta")
    return Object(path.read_bytes(), attributes, status.st_mtime_ns, bool(status.st_mode & 0o111))
