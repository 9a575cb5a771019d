# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where an image goes: the one interface of directories, archives and registries.

Guarantees, of every destination: a blob is there under its digest only if its bytes had that digest and
size; nobody sees by a name what is not there whole; without `commit` a directory and an archive are what they
were. What was written to a registry without it are blobs and manifests that no name leads to. Leaves to
others: what is written.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from appctld.errors import DigestMismatch, Failed, InvalidReference, LimitExceeded, NoSpace
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.model.manifest import Descriptor

COPY_BYTES = 1 << 20  # read and written at a time
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Content = Callable[[], Iterator[bytes]]
"""The bytes of a blob from its start, as often as they are asked for: a registry may have to begin again."""


class Destination(Protocol):
    """One destination, open: `with opened(to) as destination:`. Everything is called by one thread.

    `tag` is the name that the caller gave with it (a registry's tag), or empty.
    """

    tag: str

    def has(self, blob: Descriptor) -> bool:
        """Whether the blob is there, or could be brought there without its bytes."""
        ...

    def put_blob(self, blob: Descriptor, content: Content) -> None:
        """Write a blob. Raises DigestMismatch where the content is another one, and then nothing is there."""
        ...

    def put_new(self, pieces: Iterable[bytes], media_type: str) -> Descriptor:
        """Write a blob of which nobody knows the digest before its end."""
        ...

    def put_manifest(self, raw: bytes, media_type: str, name: str = "") -> Descriptor:
        """Write a manifest or an index, whose parts are there, and let `name` mean it from `commit` on.

        In a layout a name is a whole reference (`org.opencontainers.image.ref.name`), in a registry a tag;
        without one it is only found by its digest.
        """
        ...

    def meaning(self, name: str) -> Digest | None:
        """What a name means there now."""
        ...

    def put_beside(self, path: str, data: bytes) -> bool:
        """Write a small file beside the image; whether there is a place for such (a registry has none)."""
        ...

    def commit(self) -> None:
        """Let it be seen, durably."""
        ...


def opened(to: JsonObject) -> AbstractContextManager[Destination]:
    """The destination that a request names, `{"kind": "directory" | "archive" | "registry", …}`.

    Raises Conflict (something else is there), Busy, BadManifest (no layout), InvalidReference.
    """
    kind = get_str(to, "kind")
    if kind == "directory":
        from appctld.workers.export.to_directory import LayoutDirectory  # noqa: PLC0415 - one of three

        return LayoutDirectory.at(Path(get_str(to, "path")))
    if kind == "archive":
        from appctld.workers.export.to_archive import Archive  # noqa: PLC0415 - as above

        return Archive(Path(get_str(to, "path")))
    if kind == "registry":
        from appctld.workers.export.to_registry import RegistryRepository  # noqa: PLC0415 - as above

        return RegistryRepository.parse(to)
    raise InvalidReference("a destination of a kind that is none")


def put_document(destination: Destination, raw: bytes, media_type: str) -> Descriptor:
    """Write a small blob whose bytes are at hand, unless it is there."""
    document = Descriptor(media_type, Digest.of(raw), len(raw))
    if not destination.has(document):
        destination.put_blob(document, lambda: iter([raw]))
    return document


def checked(blob: Descriptor, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as they come; after the last one DigestMismatch, unless they were the blob."""
    counted = Counted(pieces)
    for piece in counted:
        if counted.size > blob.size:
            break
        yield piece
    if (counted.size, counted.digest) != (blob.size, blob.digest):
        raise DigestMismatch(f"what should be blob {blob.digest} is another one", digest=str(blob.digest))


class Counted:
    """Pieces on their way somewhere: `digest` and `size` are those of what came through."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._hash = hashlib.sha256()
        self.size = 0

    @classmethod
    def of_file(cls, file: BinaryIO) -> Self:
        """Those of a file from where it stands."""
        counted = cls(iter(lambda: file.read(COPY_BYTES), b""))
        for _ in counted:
            pass
        return counted

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._hash.update(piece)
            self.size += len(piece)
            yield piece

    @property
    def digest(self) -> Digest:
        """Of all that came through so far."""
        return Digest(self._hash.hexdigest())


def read_whole(file: BinaryIO, limit: int, what: str) -> bytes:
    """A file of at most `limit` bytes. Raises LimitExceeded."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise LimitExceeded(f"{what} is larger than {limit} bytes", limit=limit)
    return data


@contextlib.contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """A descriptor of a directory that the caller named: by a symlink too, as everywhere."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    with opened_directory(path) as descriptor:
        os.fsync(descriptor)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say what the kernel says about a file of the caller's as a leaf, with no word about our own files."""
    try:
        yield
    except OSError as error:
        text = f"{path} cannot be written: {error.strerror}"
        if error.errno in _FULL:
            raise NoSpace(text, hint="nothing was written; make room there") from error
        raise Failed(text, hint="may you write there?") from error
