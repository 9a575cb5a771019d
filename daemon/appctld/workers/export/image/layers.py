# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The bytes of a layer: its tar made again, and its blob as it was published, from wherever that still is.

Guarantees: a tar that comes to its end had its diffID; nothing is locked and nothing written, so what is
removed meanwhile is an error and never another layer. Leaves to others: comparing a blob with its digest
(destination.py), for not even the store is believed about one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from appctld.errors import AppctlError, NotFound, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.manifest import COMPRESSION, Descriptor
from appctld.workers.export.destination import COPY_BYTES, Content, Counted
from appctld.workers.export.image.installed import Image
from appctld.workers.export.image.packing import packed_as
from appctld.workers.fetch.endpoint import Endpoint
from appctld.workers.store import names
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.tarsplit import rebuild

if TYPE_CHECKING:
    from appctld.workers.fetch.registry import Registry

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def tar(image: Image, repository: Repository, diff_id: Digest) -> Iterator[bytes]:
    """A layer's tar. Raises NotFound (it cannot be made again), RepoCorrupt."""
    counted = Counted(rebuild.pieces(repository, image.state / "tar-split", diff_id))
    yield from counted
    if counted.digest != diff_id:
        raise RepoCorrupt(f"what is stored of layer {diff_id} makes another one", layer=str(diff_id))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image came from: a registry, or a directory with a layout; or neither is known."""

    endpoint: Endpoint | None = None
    layout: Path | None = None


class Published:
    """The blobs of one image as they were published: `with Published(…) as published:`."""

    def __init__(self, image: Image, repository: Repository, origin: Origin) -> None:
        self._image = image
        self._repository = repository
        self._origin = origin
        self._stack = ExitStack()
        self._registry: Registry | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def places(self, blob: Descriptor, diff_id: Digest) -> Iterator[Content]:
        """Everywhere that a layer's blob may be, the nearest first; each may fail when it is read."""
        if COMPRESSION[blob.media_type] == "none":
            yield lambda: tar(self._image, self._repository, diff_id)
        yield lambda: self._kept(blob, diff_id)
        if self._origin.layout is not None:
            yield _in(
                self._origin.layout / "blobs/sha256" / blob.digest.hex, "the directory that it came from"
            )
        if self._origin.endpoint is not None:
            yield self._fetched(self._origin.endpoint, blob)
        if COMPRESSION[blob.media_type] != "none":  # at last: it is work, and mostly in vain
            yield lambda: packed_as(
                blob, self._image.config, lambda: tar(self._image, self._repository, diff_id)
            )

    def _kept(self, blob: Descriptor, diff_id: Digest) -> Iterator[bytes]:
        kept, name = self._image.state / "kept", f"{diff_id.hex}.{blob.digest.hex}"
        for shelf in filter(names.is_blob_directory, (self._image.remote, f"{self._image.remote}.login")):
            path = kept / shelf / name
            if os.path.exists(path):  # noqa: PTH110 - no error where a login's copies are closed to us
                return _read(path, "the copy that was kept")
        raise NotFound("no copy was kept (keep-blobs)")

    def _fetched(self, endpoint: Endpoint, blob: Descriptor) -> Content:
        def content() -> Iterator[bytes]:
            with self._at(endpoint).blob(blob.digest, blob.size) as answer:
                yield from answer.chunks(blob.size)

        return content

    def _at(self, endpoint: Endpoint) -> "Registry":
        if self._registry is None:
            # a third of our start, for what mostly is here
            from appctld.workers.fetch.http.session import Session  # noqa: PLC0415
            from appctld.workers.fetch.registry import Registry  # noqa: PLC0415

            self._registry = Registry(endpoint, self._stack.enter_context(Session(endpoint)))
        return self._registry


def _in(path: Path, what: str) -> Content:
    return lambda: _read(path, what)


def _read(path: Path, what: str) -> Iterator[bytes]:
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            yield from iter(lambda: file.read(COPY_BYTES), b"")
    except OSError as error:
        raise NotFound(f"{what} cannot be read: {error.strerror}") from error


def watched(content: Content, notice: Callable[[int], None], failed: list[AppctlError]) -> Content:
    """The same content: each piece's size is told as it leaves, and an error of its own goes to `failed` too.

    Else nobody could tell it from an error of the destination that the content is on its way to.
    """

    def pieces() -> Iterator[bytes]:
        try:
            for piece in content():
                notice(len(piece))
                yield piece
        except AppctlError as error:
            failed.append(error)
            raise

    return pieces
