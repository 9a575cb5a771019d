# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""rebuild.py: what was imported comes back byte for byte, or there is an error and it does not count."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appctld.errors import AppctlError, Failed, LimitExceeded, NotFound, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.archive.stream import RECORD
from appctld.workers.store.ostree import repository
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.tarsplit import form
from support.layers.tarball import (
    BLOCK,
    GNU,
    archive,
    base256,
    directory,
    entry,
    gnu_long,
    hardlink,
    pax,
    symlink,
)

IMAGES = Path(__file__).parents[4] / "fixtures" / "images" / "blobs" / "sha256"
GOOD = archive(directory("./"), directory("d/"), entry("d/f", content=b"hello" * 300), symlink("l", "d/f"))


class Store:
    """A repository with its tar metadata."""

    def __init__(self, directory: Path) -> None:
        self.repo, self.tar_split, self.layer = directory / "repo", directory / "tar-split", directory / "tar"

    def keep(self, data: bytes, sent: bytes | None = None) -> Digest:
        """Import a layer, of which `sent` comes."""
        self.layer.write_bytes(data if sent is None else sent)
        digest = Digest.of(data)
        request: JsonObject = {
            "repo": str(self.repo),
            "tar_split": str(self.tar_split),
            "diff_id": str(digest),
            "max_bytes": len(data),
            "strict": False,
            "ref": f"appctl/layer/acme/{digest.hex}",
            "fds": {"tar": os.open(self.layer, os.O_RDONLY)},
        }
        HANDLERS["import-layer"](request, lambda _: None)
        return digest

    def rebuild(self, digest: Digest, out: int | None = None, **changed: Json) -> tuple[JsonObject, bytes]:
        """The answer, and what came out."""
        with self.layer.open("wb+") as file:
            request: JsonObject = {
                "repo": str(self.repo),
                "tar_split": str(self.tar_split),
                "max_bytes": 1 << 30,
                "ref": f"appctl/layer/acme/{digest.hex}",
                "fds": {"out": os.dup(file.fileno()) if out is None else out},
            }
            answer = HANDLERS["rebuild-layer"](request | changed, lambda _: None)
            file.seek(0)
            return answer, file.read()

    def came_out(self) -> int:
        """How many bytes came out last time."""
        return self.layer.stat().st_size

    def file(self, digest: Digest) -> Path:
        """The metadata of a layer."""
        return self.tar_split / digest.hex

    def content(self, data: bytes) -> Path:
        """The only object with this content."""
        (found,) = [path for path in self.repo.glob("objects/*/*.file") if path.read_bytes() == data]
        return found


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    return Store(tmp_path)


LONG = "n" * 120
SIZES = [(1 << 20) - 512, 1 << 20, 3 << 20, 1]
X = entry("a", content=b"x")
TARS = {
    "empty": archive(),
    "without an end": X,
    "half an end": X + bytes(BLOCK),
    "part of a zero block at the end": X + bytes(100),
    "garbage behind the end": archive(X) + b"anything at all" * 1000,
    "much behind the end": archive(X) + bytes(range(256)) * 20_000,
    "padding that is not zero": X[: BLOCK + 1] + b"p" * (BLOCK - 1) + bytes(1024),
    "no directory has an entry": archive(entry("a/b/c", content=b"x"), entry("a/d")),
    "whiteouts": archive(directory("d"), entry("d/.wh..wh..opq"), entry(".wh.gone")),
    "hard links": archive(X, hardlink("b", "a"), symlink("l", "a"), hardlink("m", "l")),
    "devices that are dropped": archive(entry("dev/console", b"3"), entry("f", b"6"), X),
    "pax": archive(pax(b"g", comment="all"), pax(path="ü" * 90, uid="12", mtime="1.5") + X),
    "xattrs": archive(pax(SCHILY__xattr__user__a=b"\0\xff" * 500) + X),
    "GNU names": archive(
        gnu_long(b"L", b"n" * 120) + gnu_long(b"K", b"t" * 150) + symlink("s", "t", magic=GNU)
    ),
    "base 256": archive(entry("a", uid=base256(70_000_000, 8), size=base256(3, 12), content=b"abc")),
    "a size in pax alone": archive(pax(size="3") + entry("a", size=0) + b"abc" + bytes(509)),
    "a size field full of spaces": archive(entry("a", size=b"          5\0", content=b"hello")),
    "the same content often": archive(*[entry(f"{n}", content=b"same") for n in range(20)]),
    "one content, other attributes": archive(X, entry("b", content=b"x", mode=0o4755)),
    "files around a piece of the stream": archive(
        *[entry(f"{n}", content=bytes([n]) * size) for n, size in enumerate(SIZES)]
    ),
}


@pytest.mark.parametrize("data", TARS.values(), ids=TARS)
def test_what_was_imported_comes_back(store: Store, data: bytes) -> None:
    assert store.rebuild(store.keep(data)) == ({"size": len(data)}, data)


@pytest.mark.parametrize("size", [1024, 1 << 20])
def test_zeros_that_a_compressor_cut_off_come_back(store: Store, size: int) -> None:
    """As skopeo 1.9's does of zstd:chunked (ADR 31); the layer is the one that the config names (R2)."""
    sent = archive(directory("d/"), entry("d/f", content=b"x" * size))
    data = sent + bytes(-len(sent) % RECORD)
    assert len(data) > len(sent)
    assert store.rebuild(store.keep(data, sent)) == ({"size": len(data)}, data)


def layers() -> list[bytes]:
    """Every layer of the golden images, in the order of their digests."""
    blobs = {path.name: path.read_bytes() for path in sorted(IMAGES.iterdir())}
    manifests = [json.loads(blob) for blob in blobs.values() if blob[:1] == b"{"]
    wanted = {
        (layer["digest"].removeprefix("sha256:"), layer["mediaType"])
        for manifest in manifests
        for layer in manifest.get("layers", ())
        if ".image.layer." in layer["mediaType"]
    }
    inflate: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read(),
    }
    return [inflate[media.rpartition("+")[2]](blobs[name]) for name, media in sorted(wanted)]


@pytest.mark.parametrize("data", layers())
def test_every_layer_of_the_golden_images_comes_back(store: Store, data: bytes) -> None:
    assert store.rebuild(store.keep(data))[1] == data


NAMES = st.sampled_from(["a", "b/c", "b/d", "ü", "n" * 99, "d/" * 60 + "x", "y" * 140])
MEMBERS = st.tuples(NAMES, st.sampled_from(["file", "directory", "symlink"]), st.binary(max_size=1500))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    st.lists(MEMBERS, max_size=6, unique_by=lambda member: member[0]),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.binary(max_size=700),
)
def test_what_tarfile_writes_comes_back(
    tmp_path: Path, members: list[tuple[str, str, bytes]], written: int, behind: bytes
) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=written) as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.mtime = 1.5 if written == tarfile.PAX_FORMAT else 1
            if kind == "file":
                member.size = len(content)
            elif kind == "directory":
                member.type = tarfile.DIRTYPE
            else:
                member.type, member.linkname = tarfile.SYMTYPE, "t" * (1 + len(content) // 10)
            tar.addfile(member, io.BytesIO(content))
    data = made.getvalue() + behind
    store = Store(tmp_path)
    assert store.rebuild(store.keep(data))[1] == data


def test_a_layer_that_another_remote_adopts_needs_nothing_new(store: Store) -> None:
    digest = store.keep(GOOD)
    mine, theirs = (f"appctl/layer/{remote}/{digest.hex}" for remote in ("acme", "bolt"))
    with pytest.raises(NotFound):
        store.rebuild(digest, ref=theirs)
    commit = Repository.open(store.repo).refs()[mine]
    before = _identity(store.file(digest))
    adopt: JsonObject = {"repo": str(store.repo), "commit": commit, "ref": theirs}
    HANDLERS["adopt-layer"](adopt, lambda _: None)
    assert store.rebuild(digest, ref=theirs)[1] == GOOD
    assert _identity(store.file(digest)) == before


def _identity(path: Path) -> tuple[int, int, int]:
    """What another file, or one that was written again, has otherwise; not when it was read."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_nlink


def test_what_was_imported_before_this_was_kept_is_not_found(store: Store) -> None:
    digest = store.keep(GOOD)
    store.file(digest).unlink()
    with pytest.raises(NotFound):
        store.rebuild(digest)
    store.keep(GOOD)
    assert store.rebuild(digest)[1] == GOOD


def sealed(head: bytes, frame: bytes) -> bytes:
    """With a checksum that is right."""
    return head + hashlib.sha256(frame).digest() + frame


def literal(data: bytes) -> bytes:
    return form.literal(len(data)) + data


def forged(digest: Digest, records: bytes) -> bytes:
    """A file of ours in which nothing but the checksum need be right."""
    frame = zstandard.ZstdCompressor().compress(records)
    return sealed(b"appctl-tar-split 1" + bytes.fromhex(digest.hex), frame)


HEAD = 18 + 32
DAMAGED: dict[str, Callable[[bytes, Digest], bytes]] = {
    "nothing": lambda _data, _: b"",
    "one byte": lambda data, _: data[:1],
    "truncated": lambda data, _: data[:-1],
    "truncated far": lambda data, _: data[: len(data) // 2],
    "something behind": lambda data, _: data + b"x",
    "a changed byte": lambda data, _: data[:90] + bytes([data[90] ^ 1]) + data[91:],
    "a changed checksum": lambda data, _: data[:HEAD] + bytes([data[HEAD] ^ 1]) + data[HEAD + 1 :],
    "another form": lambda data, _: data.replace(b"split 1", b"split 2", 1),
    "another layer's": lambda data, _: data[:18] + bytes(32) + data[HEAD:],
    "no frame": lambda data, _: sealed(data[:HEAD], b"not zstd"),
    "half a frame": lambda data, _: sealed(data[:HEAD], data[HEAD + 32 : -9]),
    "no record": lambda _, digest: forged(digest, b""),
    "an unknown record": lambda _, digest: forged(digest, b"X" + form.end(0)),
    "a literal that is longer": lambda _, digest: forged(digest, literal(b"x" * 9)[:-1]),
    "a literal without a length": lambda _, digest: forged(digest, b"L\0"),
    "a literal over the limit": lambda _, digest: forged(digest, b"L\xff\xff\xff\xff"),
    "a content without its name": lambda _, digest: forged(digest, b"C" + bytes(8)),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_of_damaged_metadata_nothing_is_given_out(
    store: Store, damage: Callable[[bytes, Digest], bytes]
) -> None:
    digest = store.keep(GOOD)
    store.file(digest).write_bytes(damage(store.file(digest).read_bytes(), digest))
    with pytest.raises(RepoCorrupt):
        store.rebuild(digest)
    assert store.came_out() == 0


FORGED = {
    "other bytes": literal(b"x") + form.end(1),
    "no end": literal(GOOD),
    "an end that says another size": literal(GOOD) + form.end(len(GOOD) + 1),
    "more behind the end": literal(GOOD) + form.end(len(GOOD)) + b"x",
    "an object that is not here": form.content(b"\1" * 32, 5) + form.end(5),
}


@pytest.mark.parametrize("records", FORGED.values(), ids=FORGED)
def test_metadata_that_makes_another_layer_is_no_success(store: Store, records: bytes) -> None:
    digest = store.keep(GOOD)
    store.file(digest).write_bytes(forged(digest, records))
    with pytest.raises(RepoCorrupt):
        store.rebuild(digest)


def test_another_layers_metadata_is_refused_though_its_objects_are_here(store: Store) -> None:
    digest, other = store.keep(GOOD), store.keep(archive(entry("a", content=b"hello" * 300)))
    store.file(digest).write_bytes(store.file(other).read_bytes())
    with pytest.raises(RepoCorrupt, match="another layer"):
        store.rebuild(digest)
    assert store.came_out() == 0


def replaced(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink()
    make(path)


HARM: dict[str, Callable[[Path], object]] = {
    "changed": lambda path: path.write_bytes(b"HELLO" * 300),
    "longer": lambda path: path.write_bytes(b"hello" * 301),
    "missing": Path.unlink,
    "a symlink": lambda path: replaced(path, lambda there: there.symlink_to("/etc/passwd")),
    "a FIFO": lambda path: replaced(path, os.mkfifo),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_damaged_object_is_found_by_the_digest_at_the_latest(
    store: Store, harm: Callable[[Path], object]
) -> None:
    digest = store.keep(GOOD)
    path = store.content(b"hello" * 300)
    path.chmod(0o644)
    harm(path)
    with pytest.raises(RepoCorrupt):
        store.rebuild(digest)


def test_a_reader_that_goes_away_is_an_error(store: Store) -> None:
    digest = store.keep(archive(entry("a", content=os.urandom(3 << 20))))
    reading, writing = os.pipe()

    def go() -> None:
        os.read(reading, 1)
        os.close(reading)

    closing = threading.Thread(target=go)
    closing.start()
    with pytest.raises(Failed):
        store.rebuild(digest, out=writing)
    closing.join()


def test_no_more_than_was_asked_for_is_given_out(store: Store) -> None:
    digest = store.keep(GOOD)
    with pytest.raises(LimitExceeded):
        store.rebuild(digest, max_bytes=len(GOOD) - 1)
    assert store.came_out() < len(GOOD)
    assert store.rebuild(digest, max_bytes=len(GOOD))[0] == {"size": len(GOOD)}


@pytest.mark.parametrize("ref", ["appctl/layer/acme/../x", "appctl/app/acme/a.b.c/0123456789ab.0", ""])
def test_names_outside_their_patterns_are_refused(store: Store, ref: str) -> None:
    digest = store.keep(GOOD)
    with pytest.raises(AppctlError):
        store.rebuild(digest, ref=ref)


def test_nothing_can_be_pruned_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = store.keep(GOOD)
    monkeypatch.setattr(repository, "LOCK_SECONDS", 0)
    with Repository.open(store.repo).exclusive(), pytest.raises(AppctlError, match="is being removed"):
        store.rebuild(digest)


def test_objects_are_read_as_they_lie_in_the_repository(store: Store) -> None:
    """Attributes are no part of what comes back: it is the content that is wanted."""
    data = archive(entry("a", content=b"x" * 100, mode=0o4755, uid=7))
    digest = store.keep(data)
    name = store.content(b"x" * 100)
    assert name == store.repo / loose_path(Kind.FILE, name.parent.name + name.stem)
    assert store.rebuild(digest)[1] == data
