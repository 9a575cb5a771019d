# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""kept.py and recorder.py: what is recorded at an import, and what of it stays."""

import os
from pathlib import Path

import pytest

from appctld.errors import AppctlError, DigestMismatch, Failed, NoSpace, NotFound, UnsafeArchive
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.archive.stream import Stream
from appctld.workers.store.archive.tar import TarReader
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.space import Room
from appctld.workers.store.tarsplit import form, kept
from appctld.workers.store.tarsplit.recorder import Recorder
from support.layers.tarball import archive, directory, entry

GOOD = archive(directory("./"), entry("f", content=b"hello"))
NAME = Digest.of(GOOD).hex


def send(state: Path, data: bytes, digest: str = "") -> JsonObject:
    source = state / "tar"
    source.write_bytes(data)
    name = digest or Digest.of(data).hex
    request: JsonObject = {
        "repo": str(state / "repo"),
        "tar_split": str(state / "tar-split"),
        "diff_id": f"sha256:{name}",
        "max_bytes": 1 << 30,
        "strict": False,
        "ref": f"appctl/layer/acme/{name}",
        "fds": {"tar": os.open(source, os.O_RDONLY)},
    }
    return HANDLERS["import-layer"](request, lambda _: None)


def names(state: Path) -> list[str]:
    return sorted(path.name for path in (state / "tar-split").iterdir())


def test_an_import_leaves_one_file_that_all_may_read(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        send(tmp_path, GOOD)
    finally:
        os.umask(previous)
    assert names(tmp_path) == [NAME]
    assert (tmp_path / "tar-split" / NAME).stat().st_mode & 0o7777 == 0o644


def test_it_is_a_function_of_the_layer(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        send(tmp_path / name, GOOD)
        made.append((tmp_path / name / "tar-split" / NAME).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("data", "digest", "leaf"),
    [
        (GOOD, "0" * 64, DigestMismatch),
        (archive(entry("../evil")), "", UnsafeArchive),
        (GOOD[:600], "", UnsafeArchive),
    ],
)
def test_of_a_layer_that_is_refused_nothing_is_kept(
    tmp_path: Path, data: bytes, digest: str, leaf: type[AppctlError]
) -> None:
    with pytest.raises(leaf):
        send(tmp_path, data, digest)
    assert names(tmp_path) == []


def test_it_is_there_and_durable_before_the_ref(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    sync, write = os.fsync, Repository.write_ref

    def record(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        calls.append(".unfinished" if name.startswith(".unfinished") else name)
        sync(descriptor)

    def ref(self: Repository, name: str, commit: str) -> None:
        assert names(tmp_path) == [NAME]
        calls.append("ref")
        write(self, name, commit)

    monkeypatch.setattr(os, "fsync", record)
    monkeypatch.setattr(Repository, "write_ref", ref)
    send(tmp_path, GOOD)
    at = calls.index("ref")
    assert calls[at - 2 : at] == [".unfinished", "tar-split"]


def test_a_second_import_of_a_layer_replaces_what_is_damaged(tmp_path: Path) -> None:
    send(tmp_path, GOOD)
    file = tmp_path / "tar-split" / NAME
    good = file.read_bytes()
    file.write_bytes(b"bad")
    send(tmp_path, GOOD)
    assert file.read_bytes() == good


def test_one_that_is_too_large_is_not_kept_and_the_layer_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "FILE_BYTES", 1000)
    data = archive(entry("a")) + os.urandom(600_000)
    assert send(tmp_path, data)["entries"] == 1
    assert names(tmp_path) == []
    assert (tmp_path / "tar").stat().st_size == len(data)
    send(tmp_path, GOOD)
    assert names(tmp_path) == [NAME]


def test_the_reserve_of_free_space_stays_free(tmp_path: Path) -> None:
    with kept.recording(tmp_path, Digest(NAME), Room(lambda: 200_000)) as record:
        record.sink.write(bytes(1 << 20))  # which is compressed
        with pytest.raises(NoSpace):
            record.sink.write(os.urandom(1 << 20))
    assert list(tmp_path.iterdir()) == []


class Lost:
    """A sink that nobody reads."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def write(self, records: bytes) -> None:
        self.sizes.append(len(records))

    def finish(self) -> None:
        pass


def unknown(_number: int) -> bytes:
    raise AssertionError


@pytest.mark.parametrize("content", [b"", b"x"])
def test_records_are_given_away_while_they_come(tmp_path: Path, content: bytes) -> None:
    source, sink = tmp_path / "tar", Lost()
    source.write_bytes(archive(*[entry(f"{n}", content=content) for n in range(4000)]))
    with Stream(os.open(source, os.O_RDONLY), 1 << 30, lambda _: None) as stream:
        recorder = Recorder(stream, sink, bytes)
        reader = TarReader(recorder)
        for found in reader.entries():
            recorder.content(32, sum(map(len, reader.content())))
            assert found.size == len(content)
        assert sink.sizes
        recorder.finish(stream.count)
    assert sum(sink.sizes) > 3 << 18
    assert max(sink.sizes) < 1 << 19


def test_a_checksum_is_asked_for_a_mebibyte_after_its_content_and_before_two(tmp_path: Path) -> None:
    """So that whoever hashes may be behind, and memory is bounded."""
    source = tmp_path / "tar"
    source.write_bytes(archive(*[entry(f"{n}", content=b"x") for n in range(4000)]))
    lags: list[int] = []

    def checksum(number: int) -> bytes:
        lags.append(stream.count - 1024 * number)
        return bytes(32)

    with Stream(os.open(source, os.O_RDONLY), 1 << 30, lambda _: None) as stream:
        recorder = Recorder(stream, Lost(), checksum)
        reader = TarReader(recorder)
        for number, _ in enumerate(reader.entries()):
            recorder.content(number, sum(map(len, reader.content())))
        assert len(lags) > 1000
        assert min(lags) >= 1 << 20
        assert max(lags) <= 2 << 20
        recorder.finish(stream.count)
    assert len(lags) == 4000


def test_a_content_that_nobody_named_is_no_success(tmp_path: Path) -> None:
    source = tmp_path / "tar"
    source.write_bytes(GOOD)
    with Stream(os.open(source, os.O_RDONLY), 1 << 20, lambda _: None) as stream:
        recorder = Recorder(stream, Lost(), unknown)
        recorder.read(1024)
        recorder.some(5)
        assert [*recorder.rest()]
        with pytest.raises(Failed):
            recorder.finish(stream.count)


def test_a_disk_that_is_full_is_told_as_that_also_when_the_file_is_closed(tmp_path: Path) -> None:
    with pytest.raises(NoSpace):
        record_on_a_full_disk(tmp_path)
    assert not list(tmp_path.iterdir())


def record_on_a_full_disk(directory: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with kept.recording(directory, Digest(NAME), Room(lambda: 1 << 40)) as record:
        (file,) = directory.iterdir()
        (ours,) = (each for each in Path("/proc/self/fd").iterdir() if each.exists() and each.samefile(file))
        os.dup2(full, int(ours.name))
        os.close(full)
        for _ in range(4):
            record.sink.write(os.urandom(1 << 18))


# what goes


def test_what_no_layers_ref_stands_for_is_swept(tmp_path: Path) -> None:
    wanted, other = "a" * 64, "b" * 64
    for name in (wanted, other, ".unfinished-0123", "README", "a" * 63):
        (tmp_path / name).write_bytes(b"12345")
    refs = [f"appctl/layer/acme/{wanted}", f"appctl/commit/acme/{other}"]
    assert kept.sweep(tmp_path, refs, remove=False) == 10
    assert len(list(tmp_path.iterdir())) == 5
    assert kept.sweep(tmp_path, refs, remove=True) == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README", "a" * 63, wanted]
    assert kept.sweep(tmp_path / "nowhere", refs, remove=True) == 0


def test_a_symlink_is_neither_followed_nor_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / NAME).symlink_to(outside)
    with pytest.raises(AppctlError), kept.opened(shelf, Digest(NAME)):
        pass
    (shelf / ("b" * 64)).symlink_to(tmp_path / "nowhere")
    kept.sweep(shelf, [], remove=True)
    assert outside.exists()
    assert list(shelf.iterdir()) == []
    with pytest.raises(NotFound), kept.opened(shelf, Digest(NAME)):
        pass
