# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The xattrs of a layer's files, which stand in entries of their own and are named by their hash; pure.

Guarantees: what a name leads to hashes to it and is a GVariant `a(ayay)` in normal form, in its publisher's
order; memory is bounded. Leaves to others: which entry is which (layout.py).
"""

import hashlib

from appctld.errors import DigestMismatch, LimitExceeded, UnsafeArchive
from appctld.workers.store.archive.tar import XATTRS
from appctld.workers.store.ostree.tree import Xattrs, parse_xattrs

XATTRS_BYTES = 64 << 10  # of one file: bare-user keeps them in a value, and the kernel none longer
KEPT_BYTES = 16 << 20  # of all that files of one layer share: an OS has some hundred, of 50 bytes each
_KEPT_FOR_EACH = 1 << 10  # what an entry costs beside its bytes, roughly: empty ones are not for nothing
_KEPT_FOR_XATTR = 192  # and each xattr: a tuple, a name and a value


class Shared:
    """Those that several files of one layer have, by name."""

    def __init__(self) -> None:
        self._found: dict[str, Xattrs] = {}
        self._room = KEPT_BYTES

    def add(self, name: str, data: bytes) -> None:
        """Keep what an entry of that name holds. Raises DigestMismatch, UnsafeArchive, LimitExceeded."""
        found = hashlib.sha256(data).hexdigest()
        if found != name:
            raise DigestMismatch(f"the xattrs {name} are {found} in truth", kind="xattrs", checksum=name)
        xattrs = read(data)
        self._room -= len(data) + _KEPT_FOR_EACH + _KEPT_FOR_XATTR * len(xattrs)
        if self._room < 0:
            raise LimitExceeded(f"more than {KEPT_BYTES} bytes of xattrs", limit=KEPT_BYTES)
        self._found[name] = xattrs

    def named(self, name: str) -> Xattrs:
        """Those of that name, which came before. Raises UnsafeArchive."""
        if name not in self._found:
            raise UnsafeArchive(f"a file whose xattrs {name} did not come before it")
        return self._found[name]


def read(data: bytes) -> Xattrs:
    """What an entry holds. Raises UnsafeArchive, LimitExceeded."""
    xattrs = parse_xattrs(data, "a file's xattrs")
    if len(xattrs) > XATTRS:
        raise LimitExceeded(f"a file with more than {XATTRS} xattrs", limit=XATTRS)
    return xattrs
