# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The tars of an ordinary image of a tree: what is in it, and nothing of OSTree.

Guarantees: the first layer has every directory, so that no other needs one; then the files of its chunk, by
path. Time is 0 throughout: a file that did not change is in a layer that did not change. What OSTree keeps
once stands at each of its paths: two files of the same content are two files. Leaves to others: labels.
"""

import stat
from collections.abc import Iterator, Mapping

from appctld.workers.export.publish import tar
from appctld.workers.export.publish.chunks import Chunk
from appctld.workers.export.publish.source.objects import content
from appctld.workers.export.publish.source.source import Source
from appctld.workers.export.publish.tree import Directory, Tree


class PlainForm:
    """The layers of one tree."""

    def __init__(self, source: Source, tree: Tree) -> None:
        self._source = source
        self._tree = tree

    def layer(self, chunk: Chunk, *, first: bool) -> Iterator[bytes]:
        """The tar of a chunk. Raises RepoCorrupt."""
        files = self._tree.files
        if first:
            yield from map(self._directory, self._tree.directories)
        placed = ((path, content) for content in chunk.files for path in files[content])
        for path, name in sorted(placed):
            yield from self._file(path, name)
        yield tar.END

    @staticmethod
    def annotations(_chunk: Chunk) -> Mapping[str, str]:
        """What the manifest says of a chunk's layer: nothing."""
        return {}

    def _directory(self, directory: Directory) -> bytes:
        found = self._tree.attributes[directory.meta]
        path = f"{directory.path}/" if directory.path else "./"
        mode = stat.S_IMODE(found.mode)
        return tar.pax_xattrs(found.xattrs) + tar.header(
            path, tar.DIRECTORY, mode=mode, uid=found.uid, gid=found.gid
        )

    def _file(self, path: str, name: str) -> Iterator[bytes]:
        found = self._source.objects.file(name)
        head, mode = found.head, stat.S_IMODE(found.head.mode)
        kind = tar.SYMLINK if head.target else tar.FILE
        yield tar.pax_xattrs(head.xattrs)
        yield tar.header(path, kind, mode=mode, uid=head.uid, gid=head.gid, size=found.size, link=head.target)
        yield from content(name, found)
        yield tar.padding(found.size)
