# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A regular file's object, hashed again from what is on the disk: its attributes and its bytes.

Guarantees: memory is bounded, no symlink is followed, a FIFO is not waited for. Leaves to others: symlinks,
and what to say about an object that is another (both are libostree's fsck, by way of repository.py).
"""

import functools
import hashlib
import os
import stat

from appctld.errors import RepoCorrupt, UnsafeArchive
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import header, parse_head

_PIECE = 1 << 20  # bytes read at a time: most files are one, and a large one costs no memory
_ATTRIBUTES = (
    64  # remembered: a tree has thousands of files and a handful of owners and modes; up to 64 KiB each
)
_OBJECT = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_whole_file(repository: int, name: str) -> bool:
    """Whether a content object holds a regular file and hashes to its name.

    Raises OSError, and RepoCorrupt for attributes that cannot be read: libostree may read those for ever.
    """
    descriptor = os.open(loose_path(Kind.FILE, name), _OBJECT, dir_fd=repository)
    try:
        start = _hashed_first(os.getxattr(descriptor, "user.ostreemeta"))
        if start is None:
            return False
        digest = hashlib.sha256(start)
        while piece := os.read(descriptor, _PIECE):
            digest.update(piece)
    finally:
        os.close(descriptor)
    return digest.hexdigest() == name


@functools.lru_cache(_ATTRIBUTES)
def _hashed_first(attributes: bytes) -> bytes | None:
    """What comes before a regular file's bytes; None where these attributes are a symlink's."""
    try:
        head = parse_head(attributes)
    except UnsafeArchive as error:
        raise RepoCorrupt(f"an object with {error.message}") from error
    return header(head) if stat.S_ISREG(head.mode) else None
