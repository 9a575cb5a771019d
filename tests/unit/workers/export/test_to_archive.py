# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image that goes to an archive: one file, whole or not at all, the same every time."""

import errno
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from appctld.errors import Conflict, DigestMismatch, Failed, NoSpace
from appctld.workers.export.to_archive import Archive
from support.workers.leaving import LAYER, LAYER_TYPE, NAME, blob_of, leave, names, put, watched


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "image.tar"


def members(target: Path) -> list[str]:
    with tarfile.open(target) as tar:
        return tar.getnames()


def test_skopeo_reads_it_and_umoci_what_skopeo_made_of_it(target: Path, tmp_path: Path) -> None:
    with Archive(target) as destination:
        leave(destination)
    copy = f"oci:{tmp_path}/copy:1"
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", f"oci-archive:{target}:{NAME}", copy]
    subprocess.run(command, check=True)
    umoci = ["umoci", "unpack", "--rootless", "--image", f"{tmp_path}/copy:1", f"{tmp_path}/bundle"]
    subprocess.run(umoci, check=True, capture_output=True)
    assert (tmp_path / "bundle/rootfs/usr/hello").read_bytes() == b"hello"
    assert names(tmp_path)[-1].startswith("image.tar"), "nothing unfinished is left"


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with Archive(tmp_path / name) as destination:
            assert destination.put_beside("lookaside/x/y@sha256=0/signature-1", b"signature")
            destination.put_new(iter([b"x" * 700]), LAYER_TYPE)
            leave(destination)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_each_name_stands_in_it_once(target: Path) -> None:
    with Archive(target) as destination:
        destination.put_new(iter([LAYER]), LAYER_TYPE)
        destination.put_new(iter([LAYER[:5], LAYER[5:]]), LAYER_TYPE)
        assert destination.has(blob_of(LAYER))
        leave(destination)
        leave(destination, commit=False)
    found = members(target)
    assert found[:2] == ["blobs", "blobs/sha256"]
    assert found[-2:] == ["oci-layout", "index.json"]
    assert len(found) == len(set(found)) == 7


def test_a_blob_that_is_another_one_leaves_no_trace(target: Path, tmp_path: Path) -> None:
    with Archive(target) as destination:
        for wrong in (b"x" * len(LAYER), LAYER + b"more", LAYER[:-1]):
            with pytest.raises(DigestMismatch):
                destination.put_blob(blob_of(LAYER), lambda wrong=wrong: iter([wrong]))  # type: ignore[misc]
        assert not destination.has(blob_of(LAYER))
        leave(destination)
    with Archive(tmp_path / "other") as destination:
        leave(destination)
    assert target.read_bytes() == (tmp_path / "other").read_bytes()


def test_a_blob_that_is_in_it_is_there(target: Path) -> None:
    with Archive(target) as destination:
        put(destination, LAYER)
        assert destination.has(blob_of(LAYER))


def test_its_name_is_given_when_it_is_on_the_disk(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = watched(monkeypatch)
    with Archive(target) as destination:
        leave(destination)
    assert done == ["sync file", "link", "sync directory"]


def test_without_a_commit_nothing_is_there(target: Path, tmp_path: Path) -> None:
    with Archive(target) as destination:
        leave(destination, commit=False)
        assert not target.exists()
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "directory", "dangling symlink"])
def test_what_is_there_stays(target: Path, tmp_path: Path, kind: str) -> None:
    if kind == "file":
        target.touch()
    elif kind == "directory":
        target.mkdir()
    else:
        target.symlink_to("x")
    with pytest.raises(Conflict), Archive(target):
        raise AssertionError("it was taken")
    assert names(tmp_path) == ["image.tar"]


def test_the_root_is_no_new_file() -> None:
    with pytest.raises(Conflict), Archive(Path("/")):
        raise AssertionError("it was taken")


@pytest.mark.parametrize("links", [True, False])
def test_what_was_made_meanwhile_stays(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", refused(errno.EPERM))
    with Archive(target) as destination:
        target.write_bytes(b"mine")
        with pytest.raises(Conflict):
            leave(destination)
    assert target.read_bytes() == b"mine"
    assert names(tmp_path) == ["image.tar"]


def refused(number: int) -> object:
    def call(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def test_a_file_system_without_hard_links_will_do(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refused(errno.EPERM))
    with Archive(target) as destination:
        leave(destination)
    assert "index.json" in members(target)


def test_a_link_that_fails_for_another_reason_is_a_failure(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refused(errno.EIO))
    with Archive(target) as destination, pytest.raises(Failed):
        leave(destination)
    assert names(tmp_path) == []


def test_a_disk_that_is_full_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(NoSpace), Archive(small_disk / "image.tar") as destination:
        put(destination, os.urandom(4 << 20))
    assert names(small_disk) == []


def test_a_large_blob_is_written_with_its_size(target: Path) -> None:
    from appctld.workers.export.to_archive import _header  # noqa: PLC0415 - too large to be written

    found = tarfile.TarInfo.frombuf(_header("blobs/sha256/" + "0" * 64, 9 << 30), "utf-8", "strict")
    assert (found.size, len(_header("x", 9 << 30))) == (9 << 30, 512)
