# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `show-commit`: the commit that a layer begins with, and the signatures over it.

Guarantees: nothing is stored, and nothing of the commit is read; what is given are bytes that hash to the
name that was asked for, out of a stream that is the diffID (R2). Leaves to others: whose signatures they are,
and whether the rest of the layer is as it should be (reading.py).
"""

import os

from appctld.errors import LimitExceeded, UnsafeArchive
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_str
from appctld.workers.detached import DETACHED_BYTES, Signatures, parse_signatures
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store.archive.entry import Entry
from appctld.workers.store.archive.stream import Stream
from appctld.workers.store.archive.tar import TarReader
from appctld.workers.store.names import check_checksum
from appctld.workers.store.native.quarantine import wrong
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.tree import checksum
from appctld.workers.store.ostree.writer import METADATA_BYTES
from appctld.workers.store.ostree_ext.layout import Part, place
from appctld.workers.store.ostree_ext.order import Order


def show_commit(request: JsonObject, report: Report) -> JsonObject:
    """Read `fds.tar`, and write the commit and the signatures over it to `fds.out`, one after the other.

    `{"diff_id", "max_bytes", "commit"}` -> `{"size", "openpgp": [sizes], "ed25519": [sizes]}`. Raises
    UnsafeArchive, LimitExceeded, BadManifest (detached metadata that is none), DigestMismatch.
    """
    name, diff_id = check_checksum(get_str(request, "commit")), Digest.parse(get_str(request, "diff_id"))
    with os.fdopen(descriptor(request, "out"), "wb") as out:
        with Stream(descriptor(request, "tar"), get_int(request, "max_bytes"), report) as stream:
            stream.expect(diff_id)
            commit, signatures = _Head(stream, name).read()
            stream.drain()
            stream.check()
        out.write(b"".join([commit, *signatures.openpgp, *signatures.ed25519]))
    return {
        "size": len(commit),
        "openpgp": list[Json](map(len, signatures.openpgp)),
        "ed25519": list[Json](map(len, signatures.ed25519)),
    }


class _Head:
    """The first two objects of a layer."""

    def __init__(self, stream: Stream, name: str) -> None:
        self._reader = TarReader(stream)
        self._order = Order(name)
        self._name = name

    def read(self) -> tuple[bytes, Signatures]:
        """The commit, and the signatures behind it, none if there is no detached metadata."""
        commit = None
        for entry in self._reader.entries():
            found = place(entry)
            self._order.check(found, entry.name)
            if commit is None and found.part is Part.COMMIT:
                commit = self._commit(entry)
            elif commit is not None:
                behind = found.part is Part.DETACHED
                return commit, parse_signatures(self._data(entry, DETACHED_BYTES)) if behind else Signatures()
        raise UnsafeArchive("a layer without anything behind the commit that it is to hold")

    def _commit(self, entry: Entry) -> bytes:
        data = self._data(entry, METADATA_BYTES)
        if checksum(data) != self._name:
            raise wrong(Kind.COMMIT, self._name, f"{checksum(data)} in truth")
        return data

    def _data(self, entry: Entry, limit: int) -> bytes:
        if entry.size > limit:
            raise LimitExceeded(f"{entry.name} has {entry.size} bytes; {limit} are allowed", limit=limit)
        return b"".join(self._reader.content())
