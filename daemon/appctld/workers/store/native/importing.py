# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `import-commit`: a publisher's commit goes from a quarantine into the shared repository.

Guarantees: every object of the commit is hashed from the bytes that are stored, whether it is here already or
not (R3, R4), and what does not arrive counts only as held.py says (R5); directories are validated (R12), and
names, depth, objects and bytes are bounded; the commit is the publisher's own, byte for byte; the ref appears
last, and a failure leaves none, nor any object. What no commit names (tombstones, detached metadata, refs) is
not looked at. Leaves to others: who signed the commit, and whether it is the one that was asked for.
"""

from pathlib import Path

from appctld.errors import BadManifest, Failed, LimitExceeded, RepoCorrupt
from appctld.model.jsonvalue import JsonObject, get_bool, get_int, get_str
from appctld.workers.protocol import Report
from appctld.workers.store.merge import metadata_files
from appctld.workers.store.names import check_commit_ref
from appctld.workers.store.native.held import Held
from appctld.workers.store.native.quarantine import Quarantine, wrong
from appctld.workers.store.ostree.closure import content_size
from appctld.workers.store.ostree.commit import Commit, parse_commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead, check_published
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree, checksum, parse_dirmeta, parse_dirtree
from appctld.workers.store.ostree.writer import Writer
from appctld.workers.store.walk import walk

OBJECTS = 1_000_000  # of one commit, if the request says nothing: as many as a tree may have names


def import_commit(request: JsonObject, _report: Report) -> JsonObject:
    """Bring a commit and all below it here, and let `ref` name it.

    `{"repo", "quarantine", "commit", "ref", "max_bytes", "max_objects", "strict", "parent_commit"}` ->
    `{"commit", "objects", "written", "bytes", "installed_size", "files"}`: objects of the commit, how many of
    them were not here, bytes read, bytes of its files, and the text of `app/metadata` if there is one.

    Raises DigestMismatch (an object is missing or another), UnsafeArchive, BadManifest, LimitExceeded,
    NoSpace, Busy, RepoCorrupt.
    """
    name = get_str(request, "commit")
    ref = _ref(request, name)
    repository = Repository.open(Path(get_str(request, "repo")))
    held = Held(repository, ref.split("/")[2], get_str(request, "parent_commit", "") or None)
    place, max_bytes = Path(get_str(request, "quarantine")), get_int(request, "max_bytes")
    with Quarantine.opened(place, max_bytes) as quarantine, repository.shared():
        with repository.transaction() as writer:
            work = _Import(quarantine, held, writer, request)
            commit = work.commit(name)
        size = content_size(repository, work.files)
        files = metadata_files(repository, commit.tree)
        repository.write_ref(ref, name)
    return {
        "commit": name,
        "objects": work.objects,
        "written": writer.written,
        "bytes": quarantine.count,
        "installed_size": size,
        "files": files,
    }


def _ref(request: JsonObject, commit: str) -> str:
    ref = check_commit_ref(get_str(request, "ref"))
    if not ref.endswith(f"/{commit}"):
        raise Failed("a ref that names another commit")
    return ref


class _Import:
    """One commit on its way into the repository; `files` are its content objects, each with one of its names.

    Metadata first: who lies about a tree, or sends one that nobody takes, is found before a file is read.
    """

    def __init__(self, quarantine: Quarantine, held: Held, writer: Writer, request: JsonObject) -> None:
        self._quarantine = quarantine
        self._held = held
        self._writer = writer
        self._strict = get_bool(request, "strict")
        self._max_objects = get_int(request, "max_objects", OBJECTS)
        self._trees: dict[str, DirTree] = {}
        self._metas: set[str] = set()
        self.objects = 0
        self.files: dict[str, str] = {}

    def commit(self, name: str) -> Commit:
        """Store the commit and all below it. It goes first, as a promise that only a ref makes good."""
        data = self._metadata(Kind.COMMIT, name)
        try:
            commit = parse_commit(data)
        except RepoCorrupt as error:
            raise BadManifest(error.detail) from error
        self._store(Kind.COMMIT, data)
        walk(commit.tree, commit.meta, self)
        for content in sorted(self.files):
            self._file(content)
        return commit

    def tree(self, name: str) -> DirTree:
        """Store a dirtree, once."""
        if name not in self._trees:
            data = self._metadata(Kind.DIRTREE, name)
            tree = self._trees[name] = parse_dirtree(data)
            self._store(Kind.DIRTREE, data)
            for file, content in tree.files.items():
                self._add(content, file)
        return self._trees[name]

    def _add(self, content: str, name: str) -> None:
        if content not in self.files:
            self._count()
            self.files[content] = name

    def meta(self, name: str) -> None:
        """Store a dirmeta, once."""
        if name not in self._metas:
            data = self._metadata(Kind.DIRMETA, name)
            meta = parse_dirmeta(data)
            check_published("a directory", meta.mode, meta.xattrs, strict=self._strict)
            self._store(Kind.DIRMETA, data)
            self._metas.add(name)

    def _metadata(self, kind: Kind, name: str) -> bytes:
        """The bytes of that name, from the quarantine or held; nothing has parsed them."""
        self._count()
        data = self._quarantine.metadata(kind, name)
        if data is None:
            data = self._held.metadata(kind, name)
        if data is None:
            raise wrong(kind, name, "missing")
        if checksum(data) != name:
            raise wrong(kind, name, f"{checksum(data)} in truth")
        return data

    def _store(self, kind: Kind, data: bytes) -> None:
        self._writer.raw(kind, data)

    def _file(self, name: str) -> None:
        with self._quarantine.file(name) as content:
            if content is None:
                self._held_file(name)
                return
            self._check_head(content.head, name)
            stored = self._writer.file(content.head, content.size, content.chunks)
        if stored != name:
            raise wrong(Kind.FILE, name, f"{stored} in truth")

    def _held_file(self, name: str) -> None:
        head = self._held.file(name)
        if head is None:
            raise wrong(Kind.FILE, name, "missing")
        self._check_head(head, name)
        self._writer.keep(Kind.FILE, name, head.disk_mode)

    def _check_head(self, head: FileHead, name: str) -> None:
        check_published(self.files[name], head.mode, head.xattrs, strict=self._strict)

    def _count(self) -> None:
        self.objects += 1
        if self.objects > self._max_objects:
            raise LimitExceeded(f"a commit of more than {self._max_objects} objects", limit=self._max_objects)
