# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What lies in a directory is read only where it is a plain file, whatever stands on the way to it."""

import os
import socket
from pathlib import Path

import pytest

from appctld.errors import InvalidReference, RegistryUnavailable, UnsafeArchive
from appctld.model.jsonvalue import JsonObject
from support.workers.fetching import AMD64
from support.workers.shelves import Shelf


@pytest.fixture
def shelf(tmp_path: Path, nothing_stays: None) -> Shelf:
    return Shelf(tmp_path / "images")


def replaced(path: Path, kind: str) -> None:
    """Put something else in the place of a file or directory, which moves away."""
    path.rename(path.with_name("moved"))
    match kind:
        case "link":
            path.symlink_to("moved")
        case "dangling link":
            path.symlink_to("nowhere")
        case "FIFO":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                os.chdir(path.parent)  # a socket's path is short
                server.bind(path.name)
        case "directory":
            path.mkdir()
        case _:
            path.write_text("x")


@pytest.mark.parametrize("kind", ["link", "dangling link", "FIFO", "socket", "directory"])
@pytest.mark.parametrize("name", ["index.json", "oci-layout", "manifest", "layer", "signature"])
def test_what_is_no_plain_file_is_refused_and_nobody_waits(kind: str, name: str, shelf: Shelf) -> None:
    digest = shelf.add("1", b"{1}")
    layer = str(shelf.blob(b"layer")["digest"])
    signature = shelf.sign(digest, b"signature") / "signature-1"
    places = {"manifest": shelf.path(digest), "layer": shelf.path(layer), "signature": signature}
    replaced(places.get(name, shelf.directory / name), kind)
    asked: dict[str, tuple[str, JsonObject]] = {
        "layer": ("blob", {"digest": layer, "size": 5}),
        "signature": ("signatures", {"digest": digest}),
    }
    operation, members = asked.get(name, ("resolve", {"reference": "1", "platform": AMD64}))
    with pytest.raises(UnsafeArchive, match="no regular file"):
        shelf.run(operation, members)


@pytest.mark.parametrize("kind", ["link", "dangling link", "FIFO", "file"])
@pytest.mark.parametrize("name", ["blobs", "blobs/sha256"])
def test_what_is_no_directory_is_not_gone_through(kind: str, name: str, shelf: Shelf) -> None:
    shelf.add("1", b"{1}")
    replaced(shelf.directory / name, kind)
    with pytest.raises(UnsafeArchive, match="lies behind a link"):
        shelf.resolve("1")


def test_what_may_not_be_read_is_said(shelf: Shelf) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    shelf.path(shelf.add("1", b"{1}")).chmod(0)
    with pytest.raises(RegistryUnavailable, match="Permission denied"):
        shelf.resolve("1")


@pytest.mark.parametrize("directory", ["images", "/srv/../etc"])
def test_only_a_plain_absolute_path_is_one(directory: str, shelf: Shelf) -> None:
    with pytest.raises(InvalidReference):
        shelf.resolve("1", directory=directory)
