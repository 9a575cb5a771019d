# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image that goes to a directory: whole or not at all, beside what is there, and readable for others."""

import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import BadManifest, Busy, Conflict, DigestMismatch, Failed, LimitExceeded, NoSpace
from appctld.workers.export.layout import INDEX_BYTES, LAYOUT_BYTES
from appctld.workers.export.to_directory import LayoutDirectory
from appctld.workers.store import disk
from support.images.layouts import entries, named
from support.workers.leaving import LAYER, LAYER_TYPE, NAME, blob_of, leave, names, put, watched


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "layout"


def skopeo_copy(source: Path, name: str, to: Path) -> None:
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--quiet", f"oci:{source}:{name}", f"dir:{to}"], check=True
    )


def test_a_new_directory_is_a_layout_that_skopeo_reads(target: Path, tmp_path: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        manifest = leave(destination)
        destination.put_beside("x", b"too late to count")
    skopeo_copy(target, NAME, tmp_path / "copy")
    assert (tmp_path / "copy" / blob_of(LAYER).digest.hex).read_bytes() == LAYER
    assert (target / "blobs/sha256" / manifest.digest.hex).exists()
    assert names(tmp_path)[0] == "copy", "nothing unfinished is left"


def test_an_empty_directory_is_taken(target: Path) -> None:
    target.mkdir()
    with LayoutDirectory.at(target) as destination:
        leave(destination)
    assert [*named(target)] == [NAME]


def test_other_images_stay_and_one_of_the_same_name_is_replaced(target: Path, tmp_path: Path) -> None:
    umoci = ["umoci", "init", "--layout", str(target)]
    subprocess.run(umoci, check=True)
    subprocess.run(["umoci", "new", "--image", f"{target}:other"], check=True)
    with LayoutDirectory.at(target) as destination:
        leave(destination)
    with LayoutDirectory.at(target) as destination:
        last = leave(destination, layers=[LAYER + bytes(512)])
    assert [*named(target)] == ["other", NAME]
    assert entries(target)[1]["digest"] == str(last.digest)
    skopeo_copy(target, "other", tmp_path / "copy")


def test_without_a_commit_nothing_is_there(target: Path, tmp_path: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        leave(destination, commit=False)
    assert names(tmp_path) == []


def test_without_a_commit_a_layout_is_what_it_was(target: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        leave(destination, "one")
    before = {name: (target / name).stat() for name in names(target) if (target / name).is_file()}
    with LayoutDirectory.at(target) as destination:
        leave(destination, "two", [LAYER, LAYER + bytes(1024)], commit=False)
        destination.put_beside("lookaside/x/signature-1", b"x")
    assert {name: (target / name).stat() for name in names(target) if (target / name).is_file()} == before


def test_without_a_commit_a_blob_that_is_packed_once_more_stays(target: Path) -> None:
    """An image that names it is there since then."""
    with LayoutDirectory.at(target) as destination:
        blob = destination.put_new([b"packed"], LAYER_TYPE)
        leave(destination)
    with LayoutDirectory.at(target) as destination:
        assert destination.put_new([b"packed"], LAYER_TYPE) == blob
        assert destination.put_new([b"new"], LAYER_TYPE) != blob
    assert (target / "blobs/sha256" / blob.digest.hex).read_bytes() == b"packed"
    assert not (target / "blobs/sha256" / blob_of(b"new").digest.hex).exists()


def test_what_the_index_names_stays_when_the_very_end_fails(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LayoutDirectory.at(target) as destination:
        leave(destination, "one")
    with LayoutDirectory.at(target) as destination, monkeypatch.context() as patch:
        manifest = leave(destination, "two", [LAYER + bytes(1024)], commit=False)
        patch.setattr(disk, "sync", lambda _directory: patch.setattr(os, "fsync", _fails_on_directories))
        with pytest.raises(Failed):
            destination.commit()
    assert "two" in [*named(target)]
    assert (target / "blobs/sha256" / manifest.digest.hex).exists()


def _fails_on_directories(descriptor: int) -> None:
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_blob_that_is_another_one_is_not_kept(target: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        for wrong in (b"x" * len(LAYER), LAYER + b"more", LAYER[:-1]):
            with pytest.raises(DigestMismatch):
                destination.put_blob(blob_of(LAYER), lambda wrong=wrong: iter([wrong]))  # type: ignore[misc]
        assert not destination.has(blob_of(LAYER))
        leave(destination)
    assert len(names(target / "blobs/sha256")) == 3


def test_of_a_blob_that_is_too_long_no_more_is_read_than_shows_it(target: Path) -> None:
    given = []

    def endless() -> Iterator[bytes]:
        while True:
            given.append(1)
            yield LAYER

    with LayoutDirectory.at(target) as destination, pytest.raises(DigestMismatch):
        destination.put_blob(blob_of(LAYER), endless)
    assert len(given) == 2


def test_a_damaged_blob_that_is_there_is_written_again(target: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        leave(destination)
    damaged = target / "blobs/sha256" / blob_of(LAYER).digest.hex
    damaged.write_bytes(b"x" * len(LAYER))
    with LayoutDirectory.at(target) as destination:
        assert not destination.has(blob_of(LAYER))
        leave(destination)
    assert damaged.read_bytes() == LAYER


def test_what_is_no_plain_file_is_no_blob(target: Path, tmp_path: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        leave(destination)
    blob = target / "blobs/sha256" / blob_of(LAYER).digest.hex
    (tmp_path / "elsewhere").write_bytes(LAYER)
    blob.unlink()
    blob.symlink_to(tmp_path / "elsewhere")
    with LayoutDirectory.at(target) as destination:
        assert not destination.has(blob_of(LAYER))
    blob.unlink()
    os.mkfifo(blob)
    with LayoutDirectory.at(target) as destination:
        assert not destination.has(blob_of(LAYER))


def test_a_blob_of_unknown_digest_gets_its_name_at_its_end(target: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        written = destination.put_new(iter([LAYER[:9], LAYER[9:]]), LAYER_TYPE)
        assert written == blob_of(LAYER)
        assert destination.has(written)
        destination.commit()
    assert (target / "blobs/sha256" / written.digest.hex).read_bytes() == LAYER


def test_files_beside_the_image_are_written(target: Path) -> None:
    for data in (b"one", b"two"):
        with LayoutDirectory.at(target) as destination:
            assert destination.put_beside("lookaside/x/y@sha256=0/signature-1", data)
            leave(destination)
    assert (target / "lookaside/x/y@sha256=0/signature-1").read_bytes() == b"two"


def test_names_are_given_when_what_they_name_is_on_the_disk(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = watched(monkeypatch)
    with LayoutDirectory.at(target) as destination:
        leave(destination)
    layout = ["sync file", "name oci-layout"]
    index = ["sync everything", "sync file", "name index.json", "sync directory"]
    assert done == [*layout, *index, "name layout", "sync directory"]
    done.clear()
    with LayoutDirectory.at(target) as destination:
        destination.put_beside("file", b"x")
        leave(destination, "two")
    assert done == ["sync file", "name file", *index]


def test_a_directory_in_the_place_of_a_blob_is_none(target: Path) -> None:
    _layout(target)
    probe = target / "blobs/sha256/probe"
    probe.mkdir()
    data = os.urandom(probe.stat().st_size)
    probe.rename(target / "blobs/sha256" / blob_of(data).digest.hex)
    with LayoutDirectory.at(target) as destination:
        assert not destination.has(blob_of(data))


def test_a_symlink_below_the_layout_is_not_followed(target: Path, tmp_path: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        leave(destination)
    (tmp_path / "elsewhere").mkdir()
    (target / "lookaside").symlink_to(tmp_path / "elsewhere")
    with LayoutDirectory.at(target) as destination:
        destination.put_beside("lookaside/signature-1", b"x")
        with pytest.raises(Failed):
            leave(destination, "two")
    assert names(tmp_path / "elsewhere") == []
    assert [*named(target)] == [NAME]


def _file(target: Path) -> None:
    target.write_bytes(b"x")


def _foreign(target: Path) -> None:
    target.mkdir()
    (target / "something").write_bytes(b"x")


def _version(target: Path) -> None:
    _layout(target)
    (target / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')


def _no_version(target: Path) -> None:
    _layout(target)
    (target / "oci-layout").write_text("{}")


def _large_version(target: Path) -> None:
    _layout(target)
    (target / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}' + " " * LAYOUT_BYTES)


def _no_index(target: Path) -> None:
    _layout(target)
    (target / "index.json").unlink()


def _bad_index(target: Path) -> None:
    _layout(target)
    (target / "index.json").write_text('{"schemaVersion": 2, "manifests": {}}')


def _other_schema(target: Path) -> None:
    _layout(target)
    (target / "index.json").write_text('{"schemaVersion": 1, "manifests": []}')


def _large_index(target: Path) -> None:
    _layout(target)
    (target / "index.json").write_bytes(b" " * (INDEX_BYTES + 1))


def _link_index(target: Path) -> None:
    _layout(target)
    (target / "index.json").rename(target / "other.json")
    (target / "index.json").symlink_to("other.json")


def _link_blobs(target: Path) -> None:
    _layout(target)
    (target / "blobs").rename(target / "other")
    (target / "blobs").symlink_to("other")


def _layout(target: Path) -> None:
    with LayoutDirectory.at(target) as destination:
        leave(destination)


BAD = {
    "a file": (_file, Conflict),
    "another directory": (_foreign, BadManifest),
    "another version": (_version, BadManifest),
    "no version": (_no_version, BadManifest),
    "a version of some length": (_large_version, LimitExceeded),
    "no index": (_no_index, BadManifest),
    "an index that is none": (_bad_index, BadManifest),
    "an index of another schema": (_other_schema, BadManifest),
    "an index that is too large": (_large_index, LimitExceeded),
    "an index that is a symlink": (_link_index, Failed),
    "blobs that are elsewhere": (_link_blobs, Failed),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_layout_is_refused_and_stays(target: Path, tmp_path: Path, what: str) -> None:
    make, leaf = BAD[what]
    make(target)
    before = names(tmp_path)
    with pytest.raises(leaf) as caught, LayoutDirectory.at(target):
        raise AssertionError("it was taken")
    assert "journal" not in caught.value.advice, "nothing of the daemon's is to blame"
    assert names(tmp_path) == before


def test_two_at_a_time_do_not_write_to_one_layout(target: Path) -> None:
    _layout(target)
    with LayoutDirectory.at(target), pytest.raises(Busy), LayoutDirectory.at(target):
        raise AssertionError("it was taken")


def test_of_two_that_make_one_directory_the_second_fails_and_leaves_nothing(
    target: Path, tmp_path: Path
) -> None:
    with LayoutDirectory.at(target) as late:
        leave(late, commit=False)
        _layout(target)
        before = names(target)
        with pytest.raises(Conflict):
            late.commit()
    assert names(tmp_path) == ["layout", *(f"layout/{name}" for name in before)]


def test_a_directory_above_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="No such file"), LayoutDirectory.at(tmp_path / "no/layout"):
        raise AssertionError("it was taken")


def test_a_disk_that_is_full_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(NoSpace), LayoutDirectory.at(small_disk / "layout") as destination:
        put(destination, os.urandom(4 << 20))
    assert names(small_disk) == []
