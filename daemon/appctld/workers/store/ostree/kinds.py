# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The four kinds of objects, and where a bare-user repository keeps one; pure but for libostree's enum."""

import enum

from gi.repository import OSTree


class Kind(enum.StrEnum):
    """Value, and text: the file name's suffix, which is also what people call the kind."""

    FILE = "file"
    DIRTREE = "dirtree"
    DIRMETA = "dirmeta"
    COMMIT = "commit"

    @property
    def suffix(self) -> str:
        """The end of the object's file name, without the dot."""
        return self.value

    @property
    def library(self) -> OSTree.ObjectType:
        """The kind, in libostree's words."""
        return _LIBRARY[self]


_LIBRARY = {
    Kind.FILE: OSTree.ObjectType.FILE,
    Kind.DIRTREE: OSTree.ObjectType.DIR_TREE,
    Kind.DIRMETA: OSTree.ObjectType.DIR_META,
    Kind.COMMIT: OSTree.ObjectType.COMMIT,
}


def loose_path(kind: Kind, checksum: str) -> str:
    """Where the object lies, relative to the repository."""
    return "objects/" + checksum[:2] + "/" + checksum[2:] + "." + kind  # a checkout asks 50,000 times
