# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Archives of images, honest or not, and a fetcher that is given one.

bundle = Bundle(tmp_path / "bundle.tar")
bundle.write([*members_of(shelf.directory), member("index.json", b"{}")])
bundle.resolve("1")
"""

import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.fetch.__main__ import HANDLERS
from support.workers.fetching import AMD64
from support.workers.inline import digest_of
from support.workers.shelves import HOST, PREFIX, REPOSITORY

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "") -> Member:
    """One entry of an archive."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, target, len(data)
    return entry, data


def members_of(directory: Path) -> Iterator[Member]:
    """Everything in a directory, as tar(1) would put it."""
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_dir():
            yield member(name, kind=tarfile.DIRTYPE)
        else:
            yield member(name, path.read_bytes())


def packed(members: Iterable[Member], format_: int = tarfile.GNU_FORMAT) -> bytes:
    """The archive of these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as tar:
        for entry, data in members:
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


class Bundle:
    """One archive in a file, and the operations that read it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, members: Iterable[Member], format_: int = tarfile.GNU_FORMAT) -> None:
        """Make it."""
        self.path.write_bytes(packed(members, format_))

    @contextmanager
    def given(self) -> Iterator[int]:
        """A descriptor for a worker, which must close it."""
        number = os.open(self.path, os.O_RDONLY)
        try:
            yield number
        finally:
            try:
                os.fstat(number)
            except OSError:
                pass
            else:
                raise AssertionError("the bundle's descriptor was left open")

    def run(self, operation: str, members: JsonObject, **changes: Json) -> tuple[JsonObject, bytes]:
        """An operation's answer and what it wrote."""
        place: JsonObject = {"host": HOST, "prefix": PREFIX, "directory": None, **changes}
        kept = os.memfd_create("out")
        try:
            with self.given() as bundle:
                request: JsonObject = {
                    "repository": place.pop("repository", REPOSITORY),
                    "layout": place,
                    "fds": {"bundle": bundle, "out": os.dup(kept)},
                    **members,
                }
                answer = HANDLERS[operation](request, lambda _: None)
            return answer, os.pread(kept, os.fstat(kept).st_size, 0)
        finally:
            os.close(kept)

    def resolve(self, reference: str, **changes: Json) -> bytes:
        """The document that a tag or digest leads to."""
        return self.run("resolve", {"reference": reference, "platform": AMD64}, **changes)[1]

    def fetch(self, digest: str, size: int, **changes: Json) -> bytes:
        """A blob."""
        return self.run("blob", {"digest": digest, "size": size}, **changes)[1]


def saved(layers: Iterable[bytes], *names: str, claimed: Iterable[bytes] | None = None) -> list[Member]:
    """What `docker save` writes of an image; the config claims diffIDs, of other bytes if those are given."""
    layers = list(layers)
    diff_ids = [digest_of(layer) for layer in (layers if claimed is None else claimed)]
    platform = {"os": "linux", "architecture": "amd64"}
    config = json.dumps({**platform, "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
    parts = [member(f"{number}/layer.tar", layer) for number, layer in enumerate(layers)]
    listed = {
        "Config": "config.json",
        "RepoTags": [*names] or None,
        "Layers": [entry.name for entry, _ in parts],
    }
    return [*parts, member("config.json", config), member("manifest.json", json.dumps([listed]).encode())]
