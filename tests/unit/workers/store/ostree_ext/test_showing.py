# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""showing.py: the commit and what is signed over it, before anything of a layer is stored."""

import hashlib
import os
from pathlib import Path

import pytest
from gi.repository import GLib

from appctld.errors import AppctlError, BadManifest, DigestMismatch, LimitExceeded, UnsafeArchive
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.detached import DETACHED_BYTES, ED25519, OPENPGP
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.archive.stream import RECORD
from appctld.workers.store.ostree.writer import METADATA_BYTES
from support.images.golden import COMMIT, layers_of
from support.layers.ostree_layers import Part, obj, skeleton
from support.repositories.ostree_lies import (
    COMMIT_AT,
    DETACHED_AT,
    LAYER,
    MADE,
    OTHER,
    SUID,
    TREE_AT,
    instead,
    less,
    swapped,
)
from support.repositories.ostree_store import tar_of


def show(place: Path, layer: bytes, commit: str, **more: Json) -> tuple[JsonObject, bytes]:
    """What is answered, and what is written."""
    (place / "layer.tar").write_bytes(layer)
    source = os.open(place / "layer.tar", os.O_RDONLY)
    target = os.open(place / "out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    request: JsonObject = {
        "diff_id": f"sha256:{hashlib.sha256(layer).hexdigest()}",
        "max_bytes": 1 << 30,
        "commit": commit,
        "fds": {"tar": source, "out": target},
    }
    return HANDLERS["show-commit"](request | more, lambda _facts: None), (place / "out").read_bytes()


def refused(
    place: Path, expected: type[AppctlError], layer: bytes, commit: str = MADE.commit, **more: Json
) -> None:
    """And nothing is given."""
    with pytest.raises(AppctlError) as raised:
        show(place, layer, commit, **more)
    assert type(raised.value) is expected, raised.value
    assert (place / "out").read_bytes() == b""


def blobs(*values: bytes) -> GLib.Variant:
    return GLib.Variant("aay", list(values))


def signed(openpgp: tuple[bytes, ...], ed25519: tuple[bytes, ...]) -> bytes:
    metadata = GLib.Variant("a{sv}", {OPENPGP: blobs(*openpgp), ED25519: blobs(*ed25519)})
    return metadata.get_data_as_bytes().get_data() or b""


def test_zeros_that_a_compressor_cut_off_count(tmp_path: Path) -> None:
    layer = tar_of(LAYER)
    whole = layer + bytes(-len(layer) % RECORD)
    assert len(whole) > len(layer)
    show(tmp_path, layer, MADE.commit, diff_id=f"sha256:{hashlib.sha256(whole).hexdigest()}")


@pytest.mark.parametrize("tag", ["ostree-plain", "ostree-chunked"])
def test_a_golden_commit_comes_with_its_signature(tmp_path: Path, tag: str) -> None:
    answer, data = show(tmp_path, layers_of(tag)[0], COMMIT)
    assert hashlib.sha256(data[:150]).hexdigest() == COMMIT
    assert answer == {"size": 150, "openpgp": [len(data) - 150], "ed25519": []}


def test_all_signatures_come_in_their_order(tmp_path: Path) -> None:
    parts = MADE.layer(detached=signed((b"one", b"three"), (b"four",)))
    answer, data = show(tmp_path, tar_of(parts), MADE.commit)
    commit = MADE.metadata["commit"][MADE.commit]
    assert data == commit + b"onethreefour"
    assert answer == {"size": len(commit), "openpgp": [3, 5], "ed25519": [4]}


def test_a_commit_that_nobody_signed(tmp_path: Path) -> None:
    for parts in (MADE.layer(detached=None), MADE.layer()):
        answer, _ = show(tmp_path, tar_of(parts), MADE.commit)
        assert (answer["openpgp"], answer["ed25519"]) == ([], [])


def detached(data: bytes) -> list[Part]:
    return instead(DETACHED_AT, obj(MADE.commit, "commitmeta", data))


REFUSED: dict[str, tuple[type[AppctlError], list[Part]]] = {
    "another commit": (UnsafeArchive, OTHER.layer()),
    "no commit": (UnsafeArchive, less(COMMIT_AT, DETACHED_AT)),
    "nothing": (UnsafeArchive, skeleton()),
    "a commit alone": (UnsafeArchive, [*skeleton(), (COMMIT_AT, dict(LAYER)[COMMIT_AT])]),
    "a tree first": (UnsafeArchive, swapped(COMMIT_AT, TREE_AT)),
    "a file first": (UnsafeArchive, [*skeleton(), *MADE.chunk(SUID, version="inline")]),
    "another's signatures": (UnsafeArchive, instead(DETACHED_AT, obj(OTHER.commit, "commitmeta"))),
    "other bytes": (DigestMismatch, instead(COMMIT_AT, obj(MADE.commit, "commit", b"x"))),
    "no metadata": (BadManifest, detached(b"x")),
    "a long commit": (
        LimitExceeded,
        instead(COMMIT_AT, obj(MADE.commit, "commit", bytes(METADATA_BYTES + 1))),
    ),
    "long metadata": (LimitExceeded, detached(bytes(DETACHED_BYTES + 1))),
}


@pytest.mark.parametrize(("expected", "parts"), REFUSED.values(), ids=REFUSED)
def test_a_layer_that_does_not_begin_so_is_refused(
    tmp_path: Path, expected: type[AppctlError], parts: list[Part]
) -> None:
    refused(tmp_path, expected, tar_of(parts))


def test_the_layer_is_the_one_of_the_config(tmp_path: Path) -> None:
    refused(tmp_path, DigestMismatch, tar_of(LAYER), diff_id=f"sha256:{'0' * 64}")
    longer = tar_of(LAYER) + b"more"
    refused(tmp_path, DigestMismatch, longer, diff_id=f"sha256:{hashlib.sha256(tar_of(LAYER)).hexdigest()}")


def test_a_layer_has_no_more_bytes_than_it_may(tmp_path: Path) -> None:
    refused(tmp_path, LimitExceeded, tar_of(LAYER), max_bytes=len(tar_of(LAYER)) - 1)
