# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""reading.py: objects that are not what they say, and what they may not be."""

import hashlib
from pathlib import Path

import pytest

from appctld.errors import BadManifest, DigestMismatch, LimitExceeded, UnsafeArchive
from appctld.workers.store.ostree.commit import Commit, Value, serialize_commit
from appctld.workers.store.ostree.tree import DirTree, serialize_dirmeta, serialize_dirtree
from appctld.workers.store.ostree.writer import METADATA_BYTES
from appctld.workers.store.ostree_ext import reading
from appctld.workers.store.ostree_ext.xattrs import XATTRS_BYTES
from support.layers.ostree_layers import REPO, File, Part, Published, loose, obj, skeleton
from support.layers.tarball import BLOCK
from support.repositories.ostree_lies import (
    COMMIT_AT,
    DETACHED_AT,
    FILE_AT,
    LAYER,
    LINK_AT,
    MADE,
    META,
    META_AT,
    SUID,
    TREE_AT,
    at,
    inside,
    instead,
    more,
    suid,
)
from support.repositories.ostree_store import refused, send, send_commit, tar_of

NO_TREE = serialize_dirtree(DirTree())
MISMATCHES = {
    "a file of another name": instead(FILE_AT, suid(b"4", mode=0o4755)),
    "a file of another mode": instead(FILE_AT, suid(mode=0o755)),
    "a file of another owner": instead(FILE_AT, suid(mode=0o4755, uid=1)),
    "a file of another group": instead(FILE_AT, suid(mode=0o4755, gid=1)),
    "a file that is a symlink": instead(FILE_AT, suid(b"", b"2", link=b"3")),
    "a dirtree of another name": instead(TREE_AT, obj(MADE.root, "dirtree", NO_TREE)),
    "a dirmeta of another name": instead(META_AT, obj(META, "dirmeta", bytes(12))),
    "a commit of another name": instead(COMMIT_AT, obj(MADE.commit, "commit", b"x")),
}


@pytest.mark.parametrize("parts", MISMATCHES.values(), ids=MISMATCHES)
def test_an_object_that_is_another_is_refused(repo: Path, parts: list[Part]) -> None:
    refused(repo, DigestMismatch, lambda: send_commit(repo, tar_of(parts), MADE.commit))


UNSAFE = {
    "another configuration": ("not that of the format", instead("config", inside("config", content=b"x"))),
    "a link to no file": ("did not come", more(at("usr/y", b"1", to=f"{REPO}/{loose(META, 'file')}"))),
}


@pytest.mark.parametrize(("words", "parts"), UNSAFE.values(), ids=UNSAFE)
def test_what_leads_astray_is_refused(repo: Path, words: str, parts: list[Part]) -> None:
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert words in error.message


LONG = bytes(METADATA_BYTES + 1)
TOO_LONG = {
    "a configuration": instead("config", inside("config", content=bytes(100))),
    "xattrs": instead(LINK_AT, obj(SUID, "file-xattrs-link", bytes(XATTRS_BYTES + 1))),
    "shared xattrs": more(obj(META, "file-xattrs", bytes(XATTRS_BYTES + 1))),
    "a dirtree": instead(TREE_AT, obj(MADE.root, "dirtree", LONG)),
    "a dirmeta": instead(META_AT, obj(META, "dirmeta", LONG)),
    "a commit": instead(COMMIT_AT, obj(MADE.commit, "commit", LONG)),
    "detached metadata": instead(DETACHED_AT, obj(MADE.commit, "commitmeta", LONG)),
}


@pytest.mark.parametrize("parts", TOO_LONG.values(), ids=TOO_LONG)
def test_what_is_too_long_is_refused_unread(repo: Path, parts: list[Part]) -> None:
    error = refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert "are allowed" in error.message


def test_names_of_all_directories_are_bounded_as_they_are_read(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R13: what no commit needs is refused at the layer's end, and its memory must not wait for that."""
    made = Published({"f": File(b"x"), "d": {"a": {}}})  # three names
    junk = serialize_dirtree(DirTree({"b": next(iter(made.files))}, {"c": (made.root, META)}))
    parts = [*made.layer(files=False), obj(hashlib.sha256(junk).hexdigest(), "dirtree", junk)]
    parts.append(obj(META, "dirtree", NO_TREE))  # which is refused, if nothing before it is
    monkeypatch.setattr(reading, "NAMES", 4)
    error = refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(parts), made.commit))
    assert "files and directories" in error.message
    monkeypatch.setattr(reading, "NAMES", 5)
    refused(repo, DigestMismatch, lambda: send_commit(repo, tar_of(parts), made.commit))


def test_an_archive_that_ends_within_an_entry_is_refused(repo: Path) -> None:
    layer = tar_of(LAYER)[: -(2 * BLOCK + BLOCK + 100)]  # its end, a link, some of what is in a file
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, layer, MADE.commit))
    assert "ends within" in error.message


def test_a_commit_that_cannot_be_read_is_refused(repo: Path) -> None:
    data = b"no commit"
    name = hashlib.sha256(data).hexdigest()
    parts = [*skeleton(), obj(name, "commit", data)]
    refused(repo, BadManifest, lambda: send_commit(repo, tar_of(parts), name))


def test_a_tree_with_forbidden_names_is_refused(repo: Path) -> None:
    """R12: `..` cannot be made with our own serializer, so a good name is replaced by one of its length."""
    made = Published({"ab": File(b"x")})
    data = made.metadata["dirtree"][made.root].replace(b"ab\0", b"..\0")
    name, meta = hashlib.sha256(data).hexdigest(), next(iter(made.metadata["dirmeta"]))
    commit = serialize_commit(Commit(name, meta))
    sum_ = hashlib.sha256(commit).hexdigest()
    parts = [*skeleton(), obj(sum_, "commit", commit), obj(name, "dirtree", data)]
    parts += [
        obj(meta, "dirmeta", made.metadata["dirmeta"][meta]),
        *made.chunk(*made.files, version="shared"),
    ]
    refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(parts), sum_))


def test_a_strict_remote_refuses_privileges(repo: Path) -> None:
    layer, chunk = tar_of(LAYER), tar_of(MADE.files_layer(SUID))
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, layer, MADE.commit, strict=True))
    assert "strict=yes" in error.message
    refused(repo, UnsafeArchive, lambda: send(repo, "import-objects", chunk, strict=True))
    plain = Published({"f": File(b"x")})
    send_commit(repo, tar_of(plain.layer()), plain.commit, strict=True)


def test_a_strict_remote_refuses_privileges_of_directories(repo: Path) -> None:
    meta = serialize_dirmeta(0, 0, 0o755, ((b"security.capability", b"x"),))
    made = Published({"f": File(b"x")}, meta=meta)
    send_commit(repo, tar_of(made.layer()), made.commit)
    refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(made.layer()), made.commit, strict=True))


TOLD = [{"appctl.remote": "acme"}, {"appctl.signer": ["x"]}]


@pytest.mark.parametrize("metadata", TOLD)
def test_a_commit_that_says_what_we_say_of_our_own_is_refused(repo: Path, metadata: dict[str, Value]) -> None:
    """By it a repair would take a publisher's words for what was installed here."""
    commit = serialize_commit(Commit(MADE.root, META, 0, metadata))
    name = hashlib.sha256(commit).hexdigest()
    parts = [part for part in instead(COMMIT_AT, obj(name, "commit", commit)) if part[0] != DETACHED_AT]
    error = refused(repo, BadManifest, lambda: send_commit(repo, tar_of(parts), name))
    assert "our own" in error.message


def test_a_layer_that_ends_too_early_is_refused(repo: Path) -> None:
    parts = more(obj(META, "file-xattrs-link"))
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert "before the end" in error.message
