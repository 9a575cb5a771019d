# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operations `import-objects` and `import-commit-layer`: an image's OSTree commit, layer by layer.

Guarantees: a ref appears only when the stream's digest is the diffID (R2), every object was hashed from what
is stored (R3, R4), all that the commit needs is here, and all of it is on the disk (R10); the commit is the
publisher's own, byte for byte; a failure leaves no ref, nor any object. Files that came in other layers count
only as refs of this very remote keep them (R5). Leaves to others: inflating, who signed the commit, and what
is layered on top of it (derived.py).

The layers of files come first, and each becomes a commit of its own, whose tree holds every file under its
own checksum: so that what an update leaves as it is need not come again.
"""

from collections.abc import Iterable
from pathlib import Path

from appctld.errors import Failed, LimitExceeded, NotFound
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_bool, get_int, get_str, get_strings
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store.archive.stream import Stream
from appctld.workers.store.names import check_checksum, check_ostree_ref
from appctld.workers.store.ostree.closure import closure, content_size
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from appctld.workers.store.ostree.writer import Writer
from appctld.workers.store.ostree_ext.assembling import assemble
from appctld.workers.store.ostree_ext.reading import Layer
from appctld.workers.store.union import NAMES

_SHARD = 2  # digits: in one directory 100,000 files would make an object that libostree does not read


def import_objects(request: JsonObject, report: Report) -> JsonObject:
    """Read `fds.tar`, a layer of files: `{"repo", "diff_id", "max_bytes", "strict", "ref"}`.

    -> `{"commit", "objects", "size"}`. Raises UnsafeArchive, LimitExceeded, DigestMismatch (the stream or an
    object is another), NoSpace, Busy.
    """
    with Stream(descriptor(request, "tar"), get_int(request, "max_bytes"), report) as stream:
        ref = _ref(request)
        repository = Repository.open(Path(get_str(request, "repo")))
        with repository.shared():
            with repository.transaction() as writer:
                layer = _read(stream, writer, request, None)
                commit = _object_set(layer.files, writer)
            repository.write_ref(ref, commit)
        return {"commit": commit, "objects": len(layer.files), "size": stream.count}


def import_commit_layer(request: JsonObject, report: Report) -> JsonObject:
    """Read `fds.tar`, the layer of the commit named `commit`, and let `ref` name that.

    As `import_objects`, and `"before"`: the refs of the layers of files. Raises the same, BadManifest,
    NotFound (a ref), and RepoCorrupt.
    """
    name = check_checksum(get_str(request, "commit"))
    with Stream(descriptor(request, "tar"), get_int(request, "max_bytes"), report) as stream:
        ref = _ref(request)
        repository = Repository.open(Path(get_str(request, "repo")))
        with repository.shared():
            before = _files_before(repository, ref, get_strings(request, "before"))
            with repository.transaction() as writer:
                layer = _read(stream, writer, request, name)
                files = assemble(layer, before, writer)
                content_size(repository, files - layer.files)  # which are here, if nothing is damaged
            repository.write_ref(ref, name)
        objects = 1 + len(layer.trees) + len(layer.metas) + len(files)
        return {"commit": name, "objects": objects, "size": stream.count}


def _ref(request: JsonObject) -> str:
    ref = check_ostree_ref(get_str(request, "ref"))
    if not ref.endswith(f"/{Digest.parse(get_str(request, 'diff_id')).hex}"):
        raise Failed("a ref that names another layer")
    return ref


def _read(stream: Stream, writer: Writer, request: JsonObject, commit: str | None) -> Layer:
    stream.expect(Digest.parse(get_str(request, "diff_id")))
    layer = Layer(stream, writer, commit, strict=get_bool(request, "strict"))
    layer.read()
    stream.check()
    return layer


def _object_set(files: Iterable[str], writer: Writer) -> str:
    """A commit that needs these files and nothing else, named by them alone."""
    shards: dict[str, dict[str, str]] = {}
    for name in files:
        shards.setdefault(name[:_SHARD], {})[name[_SHARD:]] = name
    meta = writer.meta(0, 0, 0o755)
    dirs = {shard: (writer.tree(DirTree(names)), meta) for shard, names in shards.items()}
    return writer.commit(Commit(writer.tree(DirTree({}, dirs)), meta))


def _files_before(repository: Repository, ref: str, refs: Iterable[str]) -> set[str]:
    remote, found = ref.split("/")[2], set[str]()
    for other in refs:
        commit = repository.ref(other) if check_ostree_ref(other).split("/")[2] == remote else None
        if commit is None:
            raise NotFound(f"remote {remote} has no {other} here")
        found |= closure(repository, [commit]).files
        if len(found) > NAMES:  # each may have half as many, and there may be hundreds
            raise LimitExceeded(f"more than {NAMES} files in the layers before the commit's", limit=NAMES)
    return found
