# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""xattrs.py: the xattrs of files, by name."""

import hashlib
import tracemalloc
from pathlib import Path

import pytest

from appctld.errors import DigestMismatch, LimitExceeded, UnsafeArchive
from appctld.workers.store.archive.tar import XATTRS as MOST
from appctld.workers.store.ostree.tree import Xattrs, serialize_dirmeta, serialize_xattrs
from appctld.workers.store.ostree_ext import xattrs as xattrs_module
from appctld.workers.store.ostree_ext.xattrs import XATTRS_BYTES, Shared
from support.layers.ostree_layers import REPO, VERSIONS, File, Part, Published, loose, obj
from support.repositories.ostree_lies import (
    LAYER,
    LINK_AT,
    MADE,
    META,
    SHARED,
    SUID,
    WITH,
    XATTRS,
    instead,
    link,
    more,
)
from support.repositories.ostree_store import refused, send_commit, tar_of

UNSAFE = {
    "unknown xattrs": ("did not come", instead(LINK_AT, link(f"{REPO}/{loose(META, 'file-xattrs')}"))),
    "xattrs that are no variant": ("cannot be read", instead(LINK_AT, obj(SUID, "file-xattrs-link", b"x"))),
    "xattrs without a NUL": (
        "normal form",
        instead(LINK_AT, obj(SUID, "file-xattrs-link", serialize_xattrs(XATTRS).replace(b"r.a\0", b"r.ab"))),
    ),
    "shared xattrs that are no variant": (
        "cannot be read",
        more(obj(hashlib.sha256(b"x").hexdigest(), "file-xattrs", b"x")),
    ),
}


@pytest.mark.parametrize(("words", "parts"), UNSAFE.values(), ids=UNSAFE)
def test_xattrs_that_are_none_are_refused(repo: Path, words: str, parts: list[Part]) -> None:
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert words in error.message


MISMATCHES = {
    "other xattrs": instead(loose(WITH, "file-xattrs-link"), obj(WITH, "file-xattrs-link")),
    "xattrs of another name": instead(loose(SHARED, "file-xattrs"), obj(SHARED, "file-xattrs", b"x")),
}


@pytest.mark.parametrize("parts", MISMATCHES.values(), ids=MISMATCHES)
def test_other_xattrs_make_another_file(repo: Path, parts: list[Part]) -> None:
    refused(repo, DigestMismatch, lambda: send_commit(repo, tar_of(parts), MADE.commit))


PUBLISHED: dict[str, tuple[str, Xattrs]] = {
    "not in order": ("not in order", XATTRS[::-1]),
    "twice": ("two of one name", (XATTRS[0], XATTRS[0])),
    "without a name": ("without a name", ((b"", b"1"),)),
}


@pytest.mark.parametrize(("words", "xattrs"), PUBLISHED.values(), ids=PUBLISHED)
@pytest.mark.parametrize("version", VERSIONS)
def test_xattrs_that_libostree_would_call_damage_are_refused(
    repo: Path, version: str, words: str, xattrs: Xattrs
) -> None:
    """The object's name is right: it was hashed so (ADR 30)."""
    made = Published({"f": File(b"x", xattrs=xattrs)})
    layer = tar_of(made.layer(version))
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, layer, made.commit))
    assert words in error.message
    assert str(error.data["path"]).endswith(".file")


def test_a_directorys_xattrs_that_no_file_system_has_are_refused(repo: Path) -> None:
    made = Published({"f": File(b"x")}, meta=serialize_dirmeta(0, 0, 0o755, (XATTRS[0], XATTRS[0])))
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(made.layer()), made.commit))
    assert str(error.data["path"]).endswith(".dirmeta")


def test_shared_xattrs_are_bounded(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = 2 * (1024 + 192) + len(serialize_xattrs(XATTRS))  # those, and those of most files, which are none
    monkeypatch.setattr(xattrs_module, "KEPT_BYTES", kept - 1)
    error = refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(LAYER), MADE.commit))
    assert "of xattrs" in error.message
    monkeypatch.setattr(xattrs_module, "KEPT_BYTES", kept)
    send_commit(repo, tar_of(LAYER), MADE.commit)


ROOM = 1 << 20
SHAPES = {
    "none": [],
    "many without anything": [(b"", b"")] * (MOST - 1),
    "many short ones": [(b"user.%d" % number, b"v" * 7) for number in range(MOST - 1)],
    "two": [(b"security.selinux", b"system_u:object_r:bin_t:s0"), (b"user.a", b"1")],
    "one large one": [(b"user.a", b"x" * (XATTRS_BYTES - 100))],
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_what_is_kept_takes_no_more_memory_than_is_counted(
    shape: list[tuple[bytes, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R13: small ones take many times their bytes."""
    monkeypatch.setattr(xattrs_module, "KEPT_BYTES", ROOM)
    shared = Shared()
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="of xattrs"):
            fill(shared, shape)
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ROOM // 20 < now < ROOM


def fill(shared: Shared, shape: list[tuple[bytes, bytes]]) -> None:
    for number in range(ROOM):
        data = serialize_xattrs([*shape, (b"%06d" % number, b"")])
        shared.add(hashlib.sha256(data).hexdigest(), data)


@pytest.mark.parametrize("suffix", ["file-xattrs-link", "file-xattrs"])
def test_the_number_of_a_files_xattrs_is_bounded(repo: Path, suffix: str) -> None:
    data = serialize_xattrs([(b"user.%d" % number, b"") for number in range(MOST + 1)])
    name = SUID if suffix == "file-xattrs-link" else hashlib.sha256(data).hexdigest()
    part = obj(name, suffix, data)
    parts = instead(LINK_AT, part) if suffix == "file-xattrs-link" else more(part)
    error = refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert f"more than {MOST} xattrs" in error.message


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_has_as_many_xattrs_as_it_may(repo: Path, version: str) -> None:
    xattrs = tuple((b"user.%02d" % number, b"1") for number in range(MOST))
    made = Published({"f": File(b"x", xattrs=xattrs)})
    send_commit(repo, tar_of(made.layer(version)), made.commit)
