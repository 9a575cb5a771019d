# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""receive.py: a blob appears under its digest, whole, or not at all."""

import os
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    BadManifest,
    DigestMismatch,
    Failed,
    LimitExceeded,
    NoSpace,
    NotFound,
)
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store import space
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.archive import stream
from appctld.workers.store.receive import sweep

BODY = bytes(range(256)) * 9000


def listed(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def call(op: str, blobs: Path, digest: str, size: int, sent: bytes | None = None) -> JsonObject:
    request: JsonObject = {"op": op, "blobs": str(blobs), "digest": digest, "size": size}
    if sent is not None:
        source = blobs.parent / "sent"
        source.write_bytes(sent)
        request["fds"] = {"in": os.open(source, os.O_RDONLY)}
    return HANDLERS[op](request, lambda _: None)


def test_a_blob_is_stored_under_its_digest(tmp_path: Path) -> None:
    digest = Digest.of(BODY)
    assert call("receive", tmp_path / "blobs", str(digest), len(BODY), BODY) == {"size": len(BODY)}
    assert (tmp_path / "blobs" / digest.hex).read_bytes() == BODY
    assert listed(tmp_path / "blobs") == [digest.hex]
    assert call("recheck", tmp_path / "blobs", str(digest), len(BODY)) == {"size": len(BODY)}


@pytest.mark.parametrize(
    ("sent", "leaf", "why"),
    [
        (BODY + b"x", LimitExceeded, "a byte more"),
        (BODY[:-1], DigestMismatch, "a byte less"),
        (BODY[:-1] + b"x", DigestMismatch, "another byte"),
        (b"", DigestMismatch, "nothing"),
    ],
)
def test_other_bytes_leave_nothing_behind(
    tmp_path: Path, sent: bytes, leaf: type[AppctlError], why: str
) -> None:
    with pytest.raises(AppctlError) as raised:
        call("receive", tmp_path / "blobs", str(Digest.of(BODY)), len(BODY), sent)
    assert (type(raised.value), why) == (leaf, why)
    assert listed(tmp_path / "blobs") == []


def test_an_endless_sender_is_stopped_at_the_size(tmp_path: Path) -> None:
    endless = os.open("/dev/zero", os.O_RDONLY)
    request: JsonObject = {
        "blobs": str(tmp_path),
        "digest": str(Digest.of(BODY)),
        "size": 5000,
        "fds": {"in": endless},
    }
    with pytest.raises(LimitExceeded):
        HANDLERS["receive"](request, lambda _: None)
    assert listed(tmp_path) == []


def test_the_reserve_is_kept_before_the_first_byte_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = os.statvfs(tmp_path)
    monkeypatch.setattr(space, "RESERVE_PERCENT", 100 * room.f_bavail // room.f_blocks + 1)
    endless = os.open("/dev/zero", os.O_RDONLY)
    request: JsonObject = {
        "blobs": str(tmp_path),
        "digest": str(Digest.of(BODY)),
        "size": 5000,
        "fds": {"in": endless},
    }
    with pytest.raises(NoSpace) as raised:
        HANDLERS["receive"](request, lambda _: None)
    assert int(str(raised.value.data["bytes_needed"])) > 5000
    assert listed(tmp_path) == []


def test_the_reserve_is_kept_while_others_write_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills after 1 MiB: what came is taken back, and no more is read."""
    seen: list[int] = []

    def filling(descriptor: int) -> int:
        seen.append(os.fstat(descriptor).st_size)
        return len(BODY) + space.BLOCK if len(seen) == 1 else stream.CHUNK + space.BLOCK - seen[-1]

    monkeypatch.setattr(space, "LOOK_AGAIN", 0)
    monkeypatch.setattr(space, "free", filling)
    with pytest.raises(NoSpace):
        call("receive", tmp_path / "blobs", str(Digest.of(BODY)), len(BODY), BODY)
    assert len(seen) == 3
    assert listed(tmp_path / "blobs") == []


@pytest.mark.parametrize(
    "digest", ["sha256:../../../etc/passwd", "sha512:" + "a" * 64, "", "sha256:" + "A" * 64]
)
@pytest.mark.parametrize("op", ["receive", "recheck"])
def test_what_is_no_digest_names_no_file(tmp_path: Path, digest: str, op: str) -> None:
    with pytest.raises(BadManifest):
        call(op, tmp_path / "blobs", digest, 1, b"x")


@pytest.mark.parametrize(
    ("kept", "size"), [(BODY[:-1] + b"x", len(BODY)), (BODY, len(BODY) - 1), (b"", len(BODY))]
)
def test_a_blob_that_is_wrong_on_the_disk_is_removed(tmp_path: Path, kept: bytes, size: int) -> None:
    digest = Digest.of(BODY)
    (tmp_path / digest.hex).write_bytes(kept)
    with pytest.raises(DigestMismatch):
        call("recheck", tmp_path, str(digest), size)
    assert listed(tmp_path) == []


def test_a_blob_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        call("recheck", tmp_path, str(Digest.of(BODY)), 1)


def test_a_symlink_is_no_blob(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(BODY)
    (tmp_path / Digest.of(BODY).hex).symlink_to("elsewhere")
    with pytest.raises(Failed):
        call("recheck", tmp_path, str(Digest.of(BODY)), len(BODY))


def test_a_blob_that_a_power_cut_left_empty_counts_for_nothing(tmp_path: Path) -> None:
    """Nobody forces a blob to the disk: its name may outlive its bytes."""
    call("receive", tmp_path, str(Digest.of(BODY)), len(BODY), BODY)
    blob = tmp_path / Digest.of(BODY).hex
    blob.write_bytes(b"")
    with pytest.raises(DigestMismatch):
        call("recheck", tmp_path, str(Digest.of(BODY)), len(BODY))
    assert not blob.exists()


def test_progress_counts_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_REPORT_SECONDS", 0)
    (tmp_path / "sent").write_bytes(BODY)
    facts: list[JsonObject] = []
    request: JsonObject = {
        "blobs": str(tmp_path / "blobs"),
        "digest": str(Digest.of(BODY)),
        "size": len(BODY),
        "fds": {"in": os.open(tmp_path / "sent", os.O_RDONLY)},
    }
    HANDLERS["receive"](request, facts.append)
    assert facts[-1] == {"bytes": len(BODY)}
    assert len(facts) > 1


def test_a_blob_that_leads_nowhere_is_swept(tmp_path: Path) -> None:
    link = tmp_path / "blob"
    link.symlink_to("nowhere")
    assert sweep(tmp_path, lambda name: name == "blob", remove=True) == len("nowhere")
    assert not link.is_symlink()
