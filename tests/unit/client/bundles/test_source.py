# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `--from` hands over: the file itself, or an archive of a directory, and no descriptor stays."""

import errno
import io
import os
import tarfile
from pathlib import Path

import pytest

from appctl.bundles import source
from appctl.bundles.source import check, handed
from appctl.failure import Failure
from appctl.talk.wire import Descriptor
from support.workers.shelves import Shelf

REFERENCE = "quay.io/acme/tools/editor:1"
pytestmark = pytest.mark.usefixtures("nothing_stays")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "images")
    layer = made.blob(os.urandom(3_000_000), "application/vnd.oci.image.layer.v1.tar")
    config = made.blob(b"config", "application/vnd.oci.image.config.v1+json")
    made.add("1", str({"config": config, "layers": [layer]}).replace("'", '"').encode())
    return made


def everything(descriptor: Descriptor) -> bytes:
    """What can be read there."""
    with os.fdopen(os.dup(descriptor.fileno()), "rb") as file:
        return file.read()


@pytest.mark.parametrize("text", ["oci:/x", "oci:x", "oci-archive:/x", "docker-archive:x:y"])
def test_what_is_taken(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", ["", "/x", "oci", "oci:", "docker://x", "oci-archive", "dir:/x", "OCI:/x"])
def test_what_is_not(text: str) -> None:
    with pytest.raises(Failure, match="is none of oci:DIR"):
        check(text)


def test_a_directory_comes_as_an_archive(shelf: Shelf) -> None:
    with handed(f"oci:{shelf.directory}", REFERENCE, layers=True) as descriptor:
        data = everything(descriptor)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = {entry.name: entry for entry in tar}
        for path in shelf.directory.rglob("*"):
            if path.is_file():
                found = tar.extractfile(members.pop(str(path.relative_to(shelf.directory))))
                assert found is not None
                assert found.read() == path.read_bytes()
    assert members == {}


def test_who_needs_no_more_may_stop_reading(shelf: Shelf) -> None:
    with handed(f"oci:{shelf.directory}", REFERENCE, layers=True) as descriptor:
        assert os.read(descriptor.fileno(), 10) == b"oci-layout"


def test_what_changes_while_it_is_sent_is_told(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def pick(directory: Path, _reference: str, *, layers: bool) -> list[tuple[str, ...]]:
        assert layers
        return [("oci-layout",), ("gone",)]

    monkeypatch.setattr(source, "pick", pick)
    with (
        pytest.raises(Failure, match=r"there is no .*/gone"),
        handed(f"oci:{shelf.directory}", REFERENCE, layers=True) as descriptor,
    ):
        everything(descriptor)


def test_a_disk_that_fails_while_it_is_sent_is_told(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_archive(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(source, "write_archive", write_archive)
    with (
        pytest.raises(Failure, match="cannot be read: Input/output error"),
        handed(f"oci:{shelf.directory}", REFERENCE, layers=True) as descriptor,
    ):
        everything(descriptor)


def test_another_failure_is_the_one_that_is_told(shelf: Shelf) -> None:
    with pytest.raises(KeyError), handed(f"oci:{shelf.directory}", REFERENCE, layers=True):
        raise KeyError


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_a_file_is_handed_over_as_it_is(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("archive")
    with handed(f"{kind}:{tmp_path / 'file'}", REFERENCE, layers=False) as descriptor:
        assert os.pread(descriptor.fileno(), 100, 0) == b"archive"


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, tmp_path / "nowhere", Path("/dev/null")):
        with pytest.raises(Failure) as raised, handed(f"oci-archive:{path}", REFERENCE, layers=True):
            pass
        assert raised.value.name == "Usage"
