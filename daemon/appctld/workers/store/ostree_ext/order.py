# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What may follow what in one such layer; pure.

Guarantees: the skeleton (directories and configuration) comes before the first object; in the layer of a
commit this comes first, once, with its detached metadata directly behind it; in any other there is no
metadata at all; a file's xattrs stand directly before the file; nothing stands there twice; what belongs to
one version of the format does not stand beside what belongs to the other. Leaves to others: what an entry
holds (reading.py).
"""

from appctld.errors import UnsafeArchive
from appctld.workers.store.ostree_ext.layout import Part, Place

_SKELETON = {Part.DIRECTORY, Part.CONFIG}


class Order:
    """Told of every entry in its turn; `commit` is the one that the layer must bring, None for none."""

    def __init__(self, commit: str | None) -> None:
        self._commit = commit
        self._seen: dict[Part, set[bytes]] = {}
        self._last = Place(Part.DIRECTORY)
        self._begun = False
        self._configured = False
        self._old = False

    def check(self, found: Place, path: str) -> None:
        """Refuse (`UnsafeArchive`) an entry that does not belong here."""
        if found.part is Part.VIEW:
            self._check_no_file_is_due(path)
        elif found.part in _SKELETON:
            self._skeleton(found, path)
        else:
            self._object(found, path)
        self._last = found

    def finish(self) -> None:
        """Refuse an end at which something is missing."""
        self._check_no_file_is_due("the end")
        if self._commit is not None and not self._begun:
            raise UnsafeArchive("a layer without the commit that it is to hold")

    def has_file(self, name: str) -> bool:
        """Whether that file's object came."""
        return bytes.fromhex(name) in self._seen.get(Part.FILE, ())

    def files(self) -> set[str]:
        """Every file that came."""
        return {name.hex() for name in self._seen.get(Part.FILE, ())}

    @property
    def needs_xattrs(self) -> bool:
        """Whether a file needs an entry for its xattrs: in version 0 one without has none."""
        return self._configured

    def _skeleton(self, found: Place, path: str) -> None:
        if self._begun:
            raise UnsafeArchive(f"a {found.part.value} amid the objects: {path}", path=path)
        if found.part is Part.CONFIG:
            self._configured = True
        self._once(Part.DIRECTORY, path.encode(), path)

    def _object(self, found: Place, path: str) -> None:
        self._version(found, path)
        self._commit_first(found, path)
        if found.part is not Part.FILE:
            self._check_no_file_is_due(path)
        elif self._last.part is Part.XATTRS_LINK and self._last.name != found.name:
            raise UnsafeArchive(f"xattrs of {self._last.name} before {path}", path=path)
        elif self._last.part is not Part.XATTRS_LINK and self.needs_xattrs:
            raise UnsafeArchive(f"a file whose xattrs do not stand before it: {path}", path=path)
        if found.part is not Part.XATTRS_LINK:  # one that stands there twice has its file there twice
            self._once(found.part, bytes.fromhex(found.name), path)
        self._begun = True

    def _commit_first(self, found: Place, path: str) -> None:
        """The commit and what is signed over it; nothing of a tree is looked at before these."""
        if self._commit is None:
            if found.part.metadata or found.part in {Part.COMMIT, Part.DETACHED}:
                raise UnsafeArchive(f"a {found.part.value} in a layer of files: {path}", path=path)
        elif (found.part is Part.COMMIT) is self._begun:
            what = "a second commit" if self._begun else f"a {found.part.value} before the commit"
            raise UnsafeArchive(f"{what}: {path}", path=path)
        elif found.part in {Part.COMMIT, Part.DETACHED} and found.name != self._commit:
            raise UnsafeArchive(f"a {found.part.value} of another commit than {self._commit}", path=path)
        elif found.part is Part.DETACHED and self._last.part is not Part.COMMIT:
            raise UnsafeArchive(f"detached metadata that is not behind the commit: {path}", path=path)

    def _version(self, found: Place, path: str) -> None:
        self._old = self._old or found.old
        if self._old and self._configured:
            raise UnsafeArchive(f"two versions of the format in one layer: {path}", path=path)

    def _check_no_file_is_due(self, path: str) -> None:
        if self._last.part is Part.XATTRS_LINK:
            raise UnsafeArchive(f"xattrs of {self._last.name}, and no such file before {path}", path=path)

    def _once(self, part: Part, name: bytes, path: str) -> None:
        seen = self._seen.setdefault(part, set())
        if name in seen:
            raise UnsafeArchive(f"{path} stands in the archive twice", path=path)
        seen.add(name)
