# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `rebuild-layer`: a layer's tar, byte for byte, from its tar metadata and its objects.

Guarantees: an answer means that what was given out has the diffID; the metadata was checked whole before the
first byte is given out; nothing is changed. Whoever takes the bytes must not use them before the answer, for
until then an object may turn out to be damaged. Leaves to others: compressing the layer again.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from appctld.errors import LimitExceeded, NotFound, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int, get_str
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store.names import check_layer_ref
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.tarsplit import form, kept

_PIECE = 1 << 20


def rebuild_layer(request: JsonObject, _report: Report) -> JsonObject:
    """`{"repo", "tar_split", "ref", "max_bytes"}`, the layer to `fds.out` -> `{"size"}`.

    Raises NotFound (the remote has no such layer, or its metadata was not kept), RepoCorrupt (what is stored
    does not make the layer), LimitExceeded, Failed (nobody takes the bytes).
    """
    ref = check_layer_ref(get_str(request, "ref"))
    diff_id = Digest(ref.rpartition("/")[2])
    with translated("giving a layer out"), os.fdopen(descriptor(request, "out"), "wb", _PIECE) as out:
        repository = Repository.open(Path(get_str(request, "repo")))
        limit, digest, size = get_int(request, "max_bytes"), hashlib.sha256(), 0
        with repository.shared():
            if repository.ref(ref) is None:
                raise NotFound(f"there is no layer {diff_id} of that remote")
            for piece in pieces(repository, Path(get_str(request, "tar_split")), diff_id):
                size += len(piece)
                if size > limit:
                    raise LimitExceeded(f"a layer of more than {limit} bytes", limit=limit)
                digest.update(piece)
                out.write(piece)
            if digest.hexdigest() != diff_id.hex:
                raise RepoCorrupt(f"what is stored of layer {diff_id} makes another one")
    return {"size": size}


def pieces(repository: Repository, directory: Path, diff_id: Digest) -> Iterator[bytes]:
    """A layer's tar as it is put together; that it is the layer, only its digest says, at its end.

    Raises NotFound (its metadata was not kept), RepoCorrupt.
    """
    with kept.opened(directory, diff_id) as file:
        for part in form.read(file, diff_id):
            if isinstance(part, bytes):
                yield part
            else:
                yield from _content(repository, part)


def _content(repository: Repository, part: form.Content) -> Iterator[bytes]:
    """A file object's bytes, as many as were recorded."""
    name, left = part.checksum.hex(), part.size
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with translated(f"reading file {name}", otherwise=RepoCorrupt):
        opened = os.open(loose_path(Kind.FILE, name), flags, dir_fd=repository.directory)
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode) or found.st_size != left:
                raise RepoCorrupt(f"the file object {name} is not what it was", checksum=name)
            while left and (piece := os.read(opened, min(left, _PIECE))):
                left -= len(piece)
                yield piece
        finally:
            os.close(opened)
