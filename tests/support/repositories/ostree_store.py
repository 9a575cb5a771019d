# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Asking the store for an OSTree commit out of layers (layers/ostree_layers.py), and what it must not do."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.errors import AppctlError
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.ostree.repository import Repository
from support.layers.ostree_layers import File, Link, Part, Tree
from support.layers.tarball import archive

TREE: Tree = {
    "app": {"metadata": File(b"[Application]\nname=org.example.App\n")},
    "d": {
        "f": File(b"what was signed", 0o755, 7, 8),
        "l": Link("f"),
        "again": File(b"what was signed", 0o755, 7, 8),
        "empty": File(),
    },
    "x": {
        "one": File(b"1", xattrs=((b"user.a", b"2"), (b"user.b", b"1"))),
        "two": File(b"2", xattrs=((b"user.a", b"2"), (b"user.b", b"1"))),
        "suid": File(b"3", 0o4755),
    },
}


def tar_of(parts: list[Part]) -> bytes:
    return archive(*(data for _, data in parts))


def ref_of(data: bytes, remote: str = "acme") -> str:
    return f"appctl/ostree/{remote}/{hashlib.sha256(data).hexdigest()}"


def send(repo: Path, operation: str, data: bytes, **more: Json) -> JsonObject:
    source = repo.parent / "layer.tar"
    source.write_bytes(data)
    request: JsonObject = {
        "repo": str(repo),
        "diff_id": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "max_bytes": 1 << 30,
        "strict": False,
        "ref": ref_of(data),
        "fds": {"tar": os.open(source, os.O_RDONLY)},
    }
    return HANDLERS[operation](request | more, lambda _facts: None)


def send_commit(repo: Path, data: bytes, commit: str, *before: str, **more: Json) -> JsonObject:
    return send(repo, "import-commit-layer", data, commit=commit, before=[*before], **more)


def refused(repo: Path, expected: type[AppctlError], ask: Callable[[], object]) -> AppctlError:
    """Whatever is asked is refused, and nothing changes."""
    before = {path: path.stat().st_ino for path in repo.glob("objects/??/*")}
    refs = Repository.open(repo).refs()
    with pytest.raises(AppctlError) as raised:
        ask()
    assert type(raised.value) is expected, raised.value
    assert {path: path.stat().st_ino for path in repo.glob("objects/??/*")} == before
    assert Repository.open(repo).refs() == refs
    return raised.value
