# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layer's tar becomes a layer commit with a remote's ref on it, or another's commit gets a second ref.

Guarantees: the ref appears only when the stream's digest is the diffID (R2), every object's checksum was
computed here (R3, R4), and all of it is on the disk (R10), with what the tar holds beside files (tarsplit);
the commit is a function of the layer's bytes alone; a failure leaves no ref. Leaves to others: inflating, and
what layers mean together (union.py).
"""

import functools
import stat
from pathlib import Path

from appctld.errors import Failed, NotFound, UnsafeArchive
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_bool, get_int, get_str
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store.archive.entry import Entry, Type
from appctld.workers.store.archive.layertree import LayerTree, Node
from appctld.workers.store.archive.stream import Stream
from appctld.workers.store.archive.tar import TarReader
from appctld.workers.store.dropped import Dropped
from appctld.workers.store.names import check_checksum, check_layer_ref
from appctld.workers.store.ostree.commit import IMPLICIT_DIRS, Commit
from appctld.workers.store.ostree.contents import Contents
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import disk_mode, privilege, regular, symlink
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.writer import Writer
from appctld.workers.store.space import Room
from appctld.workers.store.tarsplit.kept import recording
from appctld.workers.store.tarsplit.recorder import Recorder

_HEADS = 64  # remembered: a tree has thousands of files and a handful of owners and modes; each up to 64 KiB


def import_layer(request: JsonObject, report: Report) -> JsonObject:
    """Read `fds.tar` into the repository, and let `ref` name its layer commit.

    Raises UnsafeArchive, LimitExceeded, DigestMismatch (the stream is not `diff_id`), NoSpace, Busy.
    """
    with Stream(descriptor(request, "tar"), get_int(request, "max_bytes"), report) as stream:
        diff_id = Digest.parse(get_str(request, "diff_id"))
        stream.expect(diff_id)
        ref = _ref(request, diff_id.hex)
        repository = Repository.open(Path(get_str(request, "repo")))
        tar_split, room = Path(get_str(request, "tar_split")), Room(repository.free_space)
        with repository.shared(), recording(tar_split, diff_id, room) as record:
            with repository.transaction() as writer, Contents(writer, repository.room()) as contents:
                stream.when_large(contents.begin)
                recorder = Recorder(stream, record.sink, contents.checksum)
                layer = _Import(writer, contents, recorder, strict=get_bool(request, "strict"))
                commit = layer.read()
                stream.check()
                recorder.finish(stream.count)
            record.keep()
            repository.write_ref(ref, commit)
    return {
        "commit": commit,
        "entries": layer.entries,
        "size": stream.count,
        "dropped": [*layer.dropped.names],
    }


def adopt_layer(request: JsonObject, _report: Report) -> JsonObject:
    """Hash every object of a layer commit that another remote brought, then let `ref` name it too (R5).

    Raises RepoCorrupt (an object is missing or another), NotFound (no remote holds that layer so), Busy.
    """
    commit = check_checksum(get_str(request, "commit"))
    ref = check_layer_ref(get_str(request, "ref"))
    repository = Repository.open(Path(get_str(request, "repo")))
    with repository.shared():
        held = repository.refs("appctl/layer").items()
        if not any(name.endswith(ref[-64:]) and found == commit for name, found in held):
            raise NotFound(f"no remote holds {ref[-64:]} as {commit}")
        with repository.transaction() as writer:
            objects = _Adoption(repository, writer).commit(commit)
        repository.write_ref(ref, commit)
    return {"objects": objects}


def _ref(request: JsonObject, diff_id: str) -> str:
    ref = check_layer_ref(get_str(request, "ref"))
    if not ref.endswith(f"/{diff_id}"):
        raise Failed("a ref that names another layer")
    return ref


class _Import:
    """One archive on its way into the repository."""

    def __init__(self, writer: Writer, contents: Contents, recorder: Recorder, *, strict: bool) -> None:
        self._writer = writer
        self._contents = contents
        self._recorder = recorder
        self._reader = TarReader(recorder)
        self._strict = strict
        self._tree = LayerTree(writer)
        self.entries = 0
        self.dropped = Dropped()

    def read(self) -> str:
        """Store every entry, and the commit; its checksum."""
        for entry in self._reader.entries():
            self.entries += 1
            if self._strict:
                _check_strict(entry)
            self._add(entry)
        implicit = self._tree.implicit()
        tree, meta = self._tree.store(self._contents.checksum)
        return self._writer.commit(Commit(tree, meta, 0, {IMPLICIT_DIRS: implicit} if implicit else {}))

    def _add(self, entry: Entry) -> None:
        if entry.type is Type.DIRECTORY:
            self._tree.add_directory(entry)
            return
        children = self._tree.place(entry)
        children[entry.path[-1]] = self._node(entry)

    def _node(self, entry: Entry) -> Node:
        match entry.type:
            case Type.FILE:
                return self._file(entry)
            case Type.SYMLINK:
                head = symlink(entry.uid, entry.gid, entry.target, entry.xattrs)
                return self._tree.symlink(entry, self._writer.file(head, 0))
            case Type.HARDLINK:
                return self._tree.linked(entry)
            case _:
                self.dropped.add(entry.name)
                return None

    def _file(self, entry: Entry) -> int:
        head = _regular(entry.uid, entry.gid, entry.mode, entry.xattrs)
        number = self._contents.add(head, entry.size, self._reader.content())
        self._recorder.content(number, entry.size)
        return number


_regular = functools.lru_cache(_HEADS)(regular)


def _check_strict(entry: Entry) -> None:
    """What is dropped, or never reaches a deployment, is refused where the remote's file says so."""
    mode = stat.S_IFREG | entry.mode if entry.type is Type.FILE else 0
    what = f"a {entry.type.value}" if entry.type.dropped else privilege(mode, entry.xattrs)
    if what:
        raise UnsafeArchive(f"{what}, which this remote's strict=yes refuses: {entry.name}", path=entry.name)


class _Adoption:
    """Every object below a commit, hashed once."""

    def __init__(self, repository: Repository, writer: Writer) -> None:
        self._repository = repository
        self._writer = writer
        self._seen: set[tuple[Kind, str]] = set()

    def commit(self, name: str) -> int:
        """Check the commit and all below it; how many objects there are."""
        commit = self._repository.commit(name)
        self._is_new(Kind.COMMIT, name)
        self._directory(commit.tree, commit.meta)
        return len(self._seen)

    def _directory(self, tree: str, meta: str) -> None:
        if self._is_new(Kind.DIRMETA, meta):
            self._repository.meta(meta)
        if not self._is_new(Kind.DIRTREE, tree):
            return
        found = self._repository.tree(tree)
        for name in found.files.values():
            self._file(name)
        for below in found.dirs.values():
            self._directory(*below)

    def _file(self, name: str) -> None:
        mode = disk_mode(self._repository.file_mode(name))
        if self._is_new(Kind.FILE, name, mode):
            self._repository.verify(Kind.FILE, name)

    def _is_new(self, kind: Kind, name: str, mode: int = 0o444) -> bool:
        new = (kind, name) not in self._seen
        self._seen.add((kind, name))
        self._writer.keep(kind, name, mode)
        return new
