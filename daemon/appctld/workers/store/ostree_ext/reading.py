# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One layer's objects, out of its tar and into the repository's transaction.

Guarantees: every object is hashed from the bytes that are stored, whether it is here already or not (R3, R4),
and must be what its name says; directories are validated (R12); sizes and numbers are bounded. Leaves to
others: whether the objects make up a commit (assembling.py), and refs (importing.py).
"""

import stat

from appctld.errors import BadManifest, LimitExceeded, RepoCorrupt, UnsafeArchive
from appctld.workers.store.archive.entry import Entry, Type
from appctld.workers.store.archive.tar import Source, TarReader
from appctld.workers.store.native.quarantine import wrong
from appctld.workers.store.ostree.commit import Commit, parse_commit
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.objects import FileHead, check_published
from appctld.workers.store.ostree.tree import DirTree, Xattrs, checksum, parse_dirmeta, parse_dirtree
from appctld.workers.store.ostree.writer import METADATA_BYTES, Writer
from appctld.workers.store.ostree_ext.layout import CONFIG, Part, linked, place
from appctld.workers.store.ostree_ext.order import Order
from appctld.workers.store.ostree_ext.xattrs import XATTRS_BYTES, Shared, read
from appctld.workers.store.union import NAMES

_OURS = "appctl."  # metadata by which a repair tells the commits that were made here


class Layer:
    """One layer: `trees` and `metas` are its directories by name, `commit` what it says if it has one.

    Every method raises UnsafeArchive, LimitExceeded, BadManifest, or DigestMismatch for an object that is
    another than its name says.
    """

    def __init__(self, source: Source, writer: Writer, commit: str | None, *, strict: bool) -> None:
        self._reader = TarReader(source)
        self._order = Order(commit)
        self._writer = writer
        self._strict = strict
        self._shared = Shared()
        self._xattrs: Xattrs = ()  # of the file that comes next
        self.commit: Commit | None = None
        self.trees: dict[str, DirTree] = {}
        self.metas: set[str] = set()
        self._names = 0  # in all trees

    @property
    def files(self) -> set[str]:
        """The names of the layer's files."""
        return self._order.files()

    def read(self) -> None:
        """Store every object."""
        for entry in self._reader.entries():
            found = place(entry)
            self._order.check(found, entry.name)
            try:
                self._take(found.part, found.name, entry)
            except (BadManifest, LimitExceeded, UnsafeArchive) as error:
                raise error.about(path=entry.name) from error
        self._order.finish()

    def _take(self, part: Part, name: str, entry: Entry) -> None:
        match part:
            case Part.FILE:
                self._file(name, entry)
            case Part.XATTRS:
                self._shared.add(name, self._data(entry, XATTRS_BYTES))
            case Part.XATTRS_LINK:
                self._xattrs = self._linked(entry)
            case Part.DIRTREE:
                data = self._metadata(Kind.DIRTREE, name, entry)
                self.trees[name] = self._counted(parse_dirtree(data))
                self._writer.raw(Kind.DIRTREE, data)
            case Part.DIRMETA:
                self._dirmeta(name, entry)
            case Part.COMMIT:
                self._commit(name, entry)
            case _:
                self._take_no_object(part, entry)

    def _counted(self, tree: DirTree) -> DirTree:
        """All are kept until the layer ends; of those that the commit needs a walk counts no fewer."""
        self._names += len(tree.files) + len(tree.dirs)
        if self._names > NAMES:
            raise LimitExceeded(f"more than {NAMES} files and directories", limit=NAMES)
        return tree

    def _take_no_object(self, part: Part, entry: Entry) -> None:
        if part is Part.CONFIG and self._data(entry, len(CONFIG)) != CONFIG:
            raise UnsafeArchive("a configuration that is not that of the format")
        if part is Part.DETACHED:
            _check_size(entry, METADATA_BYTES)
        if part is Part.VIEW and entry.type is Type.HARDLINK:
            self._check_view(entry)

    def _check_view(self, entry: Entry) -> None:
        if not self._order.has_file(linked(entry, Part.FILE)):
            raise UnsafeArchive(f"a link to a file that did not come before it: {entry.name}")

    def _file(self, name: str, entry: Entry) -> None:
        kind = stat.S_IFLNK | 0o777 if entry.type is Type.SYMLINK else stat.S_IFREG | entry.mode
        head = FileHead(entry.uid, entry.gid, kind, entry.target, self._xattrs)
        self._xattrs = ()
        check_published(entry.name, head.mode, head.xattrs, strict=self._strict)
        found = self._writer.file(head, entry.size, self._reader.content())
        if found != name:
            raise wrong(Kind.FILE, name, f"{found} in truth")

    def _linked(self, entry: Entry) -> Xattrs:
        """A hard link to those that several share, or (since links to one file ran out) themselves."""
        if entry.type is Type.HARDLINK:
            return self._shared.named(linked(entry, Part.XATTRS))
        return read(self._data(entry, XATTRS_BYTES))

    def _dirmeta(self, name: str, entry: Entry) -> None:
        data = self._metadata(Kind.DIRMETA, name, entry)
        meta = parse_dirmeta(data)
        check_published(entry.name, meta.mode, meta.xattrs, strict=self._strict)
        self._writer.raw(Kind.DIRMETA, data)
        self.metas.add(name)

    def _commit(self, name: str, entry: Entry) -> None:
        data = self._metadata(Kind.COMMIT, name, entry)
        try:
            self.commit = parse_commit(data)
        except RepoCorrupt as error:
            raise BadManifest(error.detail) from error
        for key in {*self.commit.metadata, *self.commit.other_keys}:
            if key.startswith(_OURS):
                raise BadManifest(f"a publisher's commit that says {key[:80]!r}, which we say of our own")
        self._writer.raw(Kind.COMMIT, data)

    def _metadata(self, kind: Kind, name: str, entry: Entry) -> bytes:
        """The bytes of that name; nothing has parsed them."""
        data = self._data(entry, METADATA_BYTES)
        if checksum(data) != name:
            raise wrong(kind, name, f"{checksum(data)} in truth")
        return data

    def _data(self, entry: Entry, limit: int) -> bytes:
        _check_size(entry, limit)
        return b"".join(self._reader.content())


def _check_size(entry: Entry, limit: int) -> None:
    if entry.size > limit:
        raise LimitExceeded(f"{entry.name} has {entry.size} bytes; {limit} are allowed", limit=limit)
