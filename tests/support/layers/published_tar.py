# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Layers taken apart, so that two writers' can be compared entry by entry."""

import io
import tarfile
from collections.abc import Iterator
from typing import NamedTuple


class Seen(NamedTuple):
    """An entry as any reader sees it: `kind` is the type flag, `link` a target, `data` a file's content."""

    name: str
    kind: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    link: str
    data: bytes


def entries(layer: bytes) -> Iterator[Seen]:
    """Every entry in its order, as Python's own reader has it."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for found in archive:
            file = archive.extractfile(found) if found.isreg() else None
            yield Seen(
                found.name.removeprefix("./"), found.type, found.mode, found.uid, found.gid, int(found.mtime),
                found.linkname, file.read() if file else b"",
            )  # fmt: skip
