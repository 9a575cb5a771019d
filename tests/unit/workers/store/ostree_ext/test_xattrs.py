# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""xattrs.py: the xattrs of files, by name."""

import hashlib
from pathlib import Path

import pytest

from appctld.errors import DigestMismatch, LimitExceeded, UnsafeArchive
from appctld.workers.store.ostree.tree import serialize_xattrs
from appctld.workers.store.ostree_ext import xattrs as xattrs_module
from support.ostree_layers import REPO, Part, loose, obj
from support.ostree_lies import (
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
from support.ostree_store import refused, send_commit, tar_of

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
    "xattrs of another order": instead(
        loose(WITH, "file-xattrs-link"), obj(WITH, "file-xattrs-link", serialize_xattrs(XATTRS[::-1]))
    ),
    "xattrs of another name": instead(loose(SHARED, "file-xattrs"), obj(SHARED, "file-xattrs", b"x")),
}


@pytest.mark.parametrize("parts", MISMATCHES.values(), ids=MISMATCHES)
def test_other_xattrs_make_another_file(repo: Path, parts: list[Part]) -> None:
    refused(repo, DigestMismatch, lambda: send_commit(repo, tar_of(parts), MADE.commit))


def test_shared_xattrs_are_bounded(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xattrs_module, "KEPT_BYTES", 2 * 1024 + len(serialize_xattrs(XATTRS)) - 1)
    error = refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(LAYER), MADE.commit))
    assert "of xattrs" in error.message
    monkeypatch.setattr(xattrs_module, "KEPT_BYTES", 2 * 1024 + len(serialize_xattrs(XATTRS)))
    send_commit(repo, tar_of(LAYER), MADE.commit)
