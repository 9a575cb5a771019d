# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `describe-commit`: what a publisher's commit object says about itself.

Guarantees: the digest is that of the very bytes that were read; what is told has one meaning, is bounded and
of the type that libostree gives it. Nothing is stored. Leaves to others: who signed the commit, whether its
bindings are the ones that were asked for, and everything below it (importing.py).
"""

import re

from appctld.errors import BadManifest, RepoCorrupt
from appctld.model.jsonvalue import Json, JsonObject, get_int
from appctld.model.permissions import METADATA_BYTES as LABEL_BYTES
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store.archive.stream import Stream
from appctld.workers.store.ostree.commit import Commit, parse_commit
from appctld.workers.store.ostree.writer import METADATA_BYTES

REFS = 64  # a commit that is bound to more belongs to everybody; flatpak binds to one
NAME_LENGTH = 255  # of a ref, collection or version: what is longer would not be shown, nor typed
SUBJECT_LENGTH = 4096  # cut there: nothing hangs on it, and an answer has 1 MiB for everything

REF_BINDING = "ostree.ref-binding"
COLLECTION_BINDING = "ostree.collection-binding"
LABEL = "xa.metadata"
VERSIONS = ("version", "org.opencontainers.image.version")  # the first that is there counts

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def describe_commit(request: JsonObject, report: Report) -> JsonObject:
    """Read the `size` bytes of `fds.in`; `refs`, `collection` and `metadata` are null where nothing is said.

    -> `{"digest", "timestamp", "refs", "collection", "subject", "version", "metadata", "tree", "meta"}`.
    Raises BadManifest: not in normal form, of other types, or over a limit.
    """
    size = get_int(request, "size")
    with Stream(descriptor(request, "in"), size, report) as stream:
        if size > METADATA_BYTES:
            raise BadManifest(f"a commit object of {size} bytes; {METADATA_BYTES} are allowed")
        commit = _parse(stream.read(size + 1))
        if stream.count != size:
            raise BadManifest(f"a commit object of {size} bytes came as {stream.count}")
        digest = str(stream.digest)
    return {
        "digest": digest,
        "timestamp": commit.timestamp,
        "refs": _refs(commit),
        "collection": _text(commit, COLLECTION_BINDING),
        "subject": commit.subject[:SUBJECT_LENGTH],
        "version": next(filter(None, (_text(commit, key) for key in VERSIONS)), ""),
        "metadata": _label(commit),
        "tree": commit.tree,
        "meta": commit.meta,
    }


def _parse(data: bytes) -> Commit:
    try:
        commit = parse_commit(data)
    except RepoCorrupt as error:
        raise BadManifest(error.detail) from error
    for key in (REF_BINDING, COLLECTION_BINDING, LABEL, *VERSIONS):
        if key in commit.other_keys:
            raise _bad(key)
    return commit


def _refs(commit: Commit) -> list[Json] | None:
    found = commit.metadata.get(REF_BINDING)
    if found is None:
        return None
    if isinstance(found, (str, bytes)) or len(found) > REFS:
        raise _bad(REF_BINDING)
    return [_plain(ref, REF_BINDING) for ref in found]


def _text(commit: Commit, key: str) -> str | None:
    found = commit.metadata.get(key)
    if found is None:
        return None
    if not isinstance(found, str):
        raise _bad(key)
    return _plain(found, key)


def _label(commit: Commit) -> str | None:
    found = commit.metadata.get(LABEL)
    if found is None:
        return None
    if not isinstance(found, str) or len(found.encode()) > LABEL_BYTES:
        raise _bad(LABEL)
    return found


def _plain(text: str, key: str) -> str:
    if _CONTROL.search(text) or len(text) > NAME_LENGTH:
        raise _bad(key)
    return text


def _bad(key: str) -> BadManifest:
    return BadManifest(f"{key} in a commit object is of another type, too long, or has control characters")
