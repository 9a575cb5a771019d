# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The objects of a commit, and the one way out for them: hashed against their names.

Guarantees: what `metadata` and `content` give is what the name says, or they raise; of a content the last
piece comes only after all of it was hashed. Leaves to others: where the objects are (`Objects`).
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from appctld.errors import RepoCorrupt
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead, header
from appctld.workers.store.ostree.tree import checksum

RENAME = "rename it, or leave it out"  # the publisher reads it, whose tree it is


class Found(NamedTuple):
    """A content object as its place gives it: nothing of it is believed; `chunks` is read once, or never."""

    head: FileHead
    size: int
    chunks: Iterator[bytes]


class Objects(Protocol):
    """A place of objects. What is missing or cannot be read is RepoCorrupt."""

    def metadata(self, kind: Kind, name: str) -> bytes:
        """The bytes of a commit, dirtree or dirmeta."""
        ...

    def file(self, name: str) -> Found:
        """A content object."""
        ...


def metadata(objects: Objects, kind: Kind, name: str) -> bytes:
    """A metadata object's bytes, which hash to its name."""
    data = objects.metadata(kind, name)
    if checksum(data) != name:
        raise _wrong(kind, name)
    return data


def content(name: str, found: Found) -> Iterator[bytes]:
    """A content object's bytes, none for a symlink. Raises RepoCorrupt instead of ending if it is another."""
    digest, left = hashlib.sha256(header(found.head)), found.size
    held = b""
    for piece in found.chunks:
        left -= len(piece)
        if left < 0:
            raise _wrong(Kind.FILE, name)
        digest.update(piece)
        yield held
        held = piece
    if left or digest.hexdigest() != name:
        raise _wrong(Kind.FILE, name)
    yield held


def _wrong(kind: Kind, name: str) -> RepoCorrupt:
    return RepoCorrupt(f"the {kind} object {name} is not what its name says", checksum=name, hint=HINT)


HINT = "ostree fsck --repo=REPO    (nothing was published)"
