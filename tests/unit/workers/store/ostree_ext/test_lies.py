# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Layers that are not what they say, in every way that there is: a typed error, and nothing has changed."""

import hashlib
from pathlib import Path
from typing import Unpack

import pytest

from appctld.errors import (
    BadManifest,
    DigestMismatch,
    Failed,
    LimitExceeded,
    NotFound,
    RepoCorrupt,
    UnsafeArchive,
)
from appctld.workers.store import walk
from appctld.workers.store.ostree.commit import Commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.tree import (
    DirTree,
    serialize_dirmeta,
    serialize_dirtree,
    serialize_xattrs,
)
from appctld.workers.store.ostree.writer import METADATA_BYTES
from appctld.workers.store.ostree_ext import xattrs as xattrs_module
from appctld.workers.store.ostree_ext.xattrs import XATTRS_BYTES
from support.ostree_layers import REPO, File, Part, Published, Tree, changed, loose, named, obj, skeleton
from support.ostree_store import TREE, ref_of, refused, send, send_commit, tar_of
from support.tarball import BLOCK, Fields

MADE, OTHER = Published(TREE), Published({"other": File(b"other")})
LAYER = MADE.layer()
XATTRS = (b"user.b", b"1"), (b"user.a", b"2")
SUID = next(name for name, (head, _) in MADE.files.items() if head.mode & 0o4000)
WITH = next(name for name, (head, _) in MADE.files.items() if head.xattrs)
META = next(iter(MADE.metadata["dirmeta"]))
NOTHING, SHARED = (hashlib.sha256(data).hexdigest() for data in (b"", serialize_xattrs(XATTRS)))
COMMIT_AT, DETACHED_AT = (loose(MADE.commit, suffix) for suffix in ("commit", "commitmeta"))
TREE_AT, META_AT = loose(MADE.root, "dirtree"), loose(META, "dirmeta")
FILE_AT, LINK_AT = loose(SUID, "file"), loose(SUID, "file-xattrs-link")
FILE, CONFIG = (FILE_AT, dict(LAYER)[FILE_AT]), ("config", dict(LAYER)["config"])
NO_TREE = serialize_dirtree(DirTree())


def less(*labels: str) -> list[Part]:
    return [part for part in LAYER if part[0] not in labels]


def more(*parts: Part) -> list[Part]:
    return [*LAYER, *parts]


def instead(label: str, *parts: Part) -> list[Part]:
    return changed(LAYER, label, *parts)


def swapped(first: str, second: str) -> list[Part]:
    found = dict(LAYER)
    order = {first: second, second: first}
    return [(order.get(label, label), found[order.get(label, label)]) for label, _ in LAYER]


def suid(content: bytes = b"3", kind: bytes = b"0", **fields: Unpack[Fields]) -> Part:
    return obj(SUID, "file", content, kind, **fields)


def link(to: str, suffix: str = "file-xattrs-link") -> Part:
    return obj(SUID, suffix, kind=b"1", link=to.encode())


def at(path: str, kind: bytes = b"0", content: bytes = b"", to: str = "") -> Part:
    return path, named(path, kind, content, link=to.encode())


def inside(path: str, kind: bytes = b"0", content: bytes = b"") -> Part:
    return at(f"{REPO}/{path}", kind, content)


MISMATCHES = {
    "a file of another name": instead(FILE_AT, suid(b"4", mode=0o4755)),
    "a file of another mode": instead(FILE_AT, suid(mode=0o755)),
    "a file of another owner": instead(FILE_AT, suid(mode=0o4755, uid=1)),
    "a file of another group": instead(FILE_AT, suid(mode=0o4755, gid=1)),
    "a file that is a symlink": instead(FILE_AT, suid(b"", b"2", link=b"3")),
    "other xattrs": instead(loose(WITH, "file-xattrs-link"), obj(WITH, "file-xattrs-link")),
    "xattrs of another order": instead(
        loose(WITH, "file-xattrs-link"), obj(WITH, "file-xattrs-link", serialize_xattrs(XATTRS[::-1]))
    ),
    "xattrs of another name": instead(loose(SHARED, "file-xattrs"), obj(SHARED, "file-xattrs", b"x")),
    "a dirtree of another name": instead(TREE_AT, obj(MADE.root, "dirtree", NO_TREE)),
    "a dirmeta of another name": instead(META_AT, obj(META, "dirmeta", bytes(12))),
    "a commit of another name": instead(COMMIT_AT, obj(MADE.commit, "commit", b"x")),
    "a missing dirtree": less(TREE_AT),
    "a missing dirmeta": less(META_AT),
    "a missing file": less(LINK_AT, FILE_AT, "x/suid"),
}

UNSAFE = {
    "another commit": ("of another commit", OTHER.layer()),
    "another's detached metadata": (
        "of another commit",
        instead(DETACHED_AT, obj(OTHER.commit, "commitmeta")),
    ),
    "no commit": ("before the commit", less(COMMIT_AT, DETACHED_AT)),
    "nothing": ("without the commit", skeleton()),
    "the commit later": ("before the commit", swapped(COMMIT_AT, TREE_AT)),
    "a file first": ("before the commit", [*skeleton(), *MADE.chunk(SUID, version="inline")]),
    "detached metadata first": ("before the commit", swapped(COMMIT_AT, DETACHED_AT)),
    "detached metadata later": ("not behind the commit", swapped(DETACHED_AT, TREE_AT)),
    "two commits": ("a second commit", more((COMMIT_AT, dict(LAYER)[COMMIT_AT]))),
    "a dirtree twice": ("twice", more((TREE_AT, dict(LAYER)[TREE_AT]))),
    "a dirmeta twice": ("twice", more((META_AT, dict(LAYER)[META_AT]))),
    "a file twice": ("twice", more(obj(SUID, "file-xattrs-link"), FILE)),
    "shared xattrs twice": ("twice", more(obj(NOTHING, "file-xattrs"))),
    "a directory twice": ("twice", [*skeleton()[2:3], *LAYER]),
    "the configuration twice": ("twice", instead("config", CONFIG, CONFIG)),
    "another configuration": ("not that of the format", instead("config", inside("config", content=b"x"))),
    "a late configuration": ("amid the objects", [*less("config"), CONFIG]),
    "a late directory": ("amid the objects", more(inside("extensions", b"5"))),
    "xattrs of another file": ("before", instead(LINK_AT, obj(OTHER.commit, "file-xattrs-link"))),
    "xattrs, and a directory": ("no such file", instead(FILE_AT, at("new", b"5"), FILE)),
    "xattrs, and a dirtree": ("no such file", instead(FILE_AT, obj(OTHER.root, "dirtree"), FILE)),
    "xattrs twice": ("no such file", instead(FILE_AT, obj(SUID, "file-xattrs-link"), FILE)),
    "xattrs at the end": ("no such file", more(obj(OTHER.commit, "file-xattrs-link"))),
    "no xattrs": ("do not stand before it", less(LINK_AT)),
    "unknown xattrs": ("did not come", instead(LINK_AT, link(f"{REPO}/{loose(META, 'file-xattrs')}"))),
    "xattrs that are a file": ("belongs", instead(LINK_AT, link(f"{REPO}/{FILE_AT}"))),
    "xattrs from elsewhere": ("belongs", instead(LINK_AT, link(f"x/{loose(NOTHING, 'file-xattrs')}"))),
    "xattrs that are no variant": ("cannot be read", instead(LINK_AT, obj(SUID, "file-xattrs-link", b"x"))),
    "xattrs without a NUL": (
        "normal form",
        instead(LINK_AT, obj(SUID, "file-xattrs-link", serialize_xattrs(XATTRS).replace(b"r.a\0", b"r.ab"))),
    ),
    "shared xattrs that are no variant": (
        "cannot be read",
        more(obj(hashlib.sha256(b"x").hexdigest(), "file-xattrs", b"x")),
    ),
    "an unneeded dirtree": (
        "does not need",
        more(obj(OTHER.root, "dirtree", OTHER.metadata["dirtree"][OTHER.root])),
    ),
    "an unneeded file": ("does not need", more(*OTHER.chunk(*OTHER.files, version="inline"))),
    "a short name": ("no file of an OSTree", more(inside(f"objects/00/{'0' * 61}.file"))),
    "a long name": ("no file of an OSTree", more(inside(f"objects/00/{'0' * 63}.file"))),
    "a name in capitals": ("no file of an OSTree", more(inside(f"objects/00/{'A' * 62}.file"))),
    "a shard in capitals": ("no file of an OSTree", more(inside(f"objects/AA/{'0' * 62}.file"))),
    "another kind": ("no file of an OSTree", more(inside(f"objects/00/{'0' * 62}.payload-link"))),
    "another directory": ("no directory of an OSTree", [inside("objects/000", b"5"), *LAYER]),
    "a tombstone": ("no file of an OSTree", more(inside(f"objects/00/{'0' * 62}.tombstone-commit"))),
    "an object out of place": ("no file of an OSTree", more(inside(f"objects/00/x/{'0' * 62}.file"))),
    "a ref": ("no file of an OSTree", [inside("refs/heads/x", content=b"x"), *LAYER]),
    "a dirtree as a symlink": (
        "no symlink of an OSTree",
        instead(TREE_AT, obj(MADE.root, "dirtree", kind=b"2", link=b"x")),
    ),
    "a directory as a file": ("no file of an OSTree", [inside("extensions"), *LAYER]),
    "a file as a device": ("no character device", instead(FILE_AT, suid(b"", b"3"))),
    "a file as a link": ("no hard link", instead(FILE_AT, suid(b"", b"1", link=TREE_AT.encode()))),
    "content elsewhere": ("no object", more(at("usr/y", content=b"y"))),
    "a symlink elsewhere": ("no object", more(at("usr/y", b"2", to="y"))),
    "a device elsewhere": ("no object", more(at("dev/y", b"3"))),
    "a link elsewhere": ("belongs", more(at("usr/y", b"1", to="etc/passwd"))),
    "a link to a dirtree": ("belongs", more(at("usr/y", b"1", to=f"{REPO}/{TREE_AT}"))),
    "a link to no file": ("did not come", more(at("usr/y", b"1", to=f"{REPO}/{loose(META, 'file')}"))),
    "two versions": (
        "two versions",
        instead(LINK_AT, link(f"{REPO}/{loose(NOTHING, 'file-xattrs')}", "file.xattrs")),
    ),
    "old xattrs that are no link": (
        "no file of an OSTree",
        changed(MADE.layer("old"), loose(WITH, "file.xattrs"), obj(WITH, "file.xattrs")),
    ),
}

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


@pytest.mark.parametrize("parts", MISMATCHES.values(), ids=MISMATCHES)
def test_an_object_that_is_another_or_missing_is_refused(repo: Path, parts: list[Part]) -> None:
    refused(repo, DigestMismatch, lambda: send_commit(repo, tar_of(parts), MADE.commit))


@pytest.mark.parametrize(("words", "parts"), UNSAFE.values(), ids=UNSAFE)
def test_what_the_format_does_not_have_is_refused(repo: Path, words: str, parts: list[Part]) -> None:
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert words in error.message


@pytest.mark.parametrize("parts", TOO_LONG.values(), ids=TOO_LONG)
def test_what_is_too_long_is_refused_unread(repo: Path, parts: list[Part]) -> None:
    error = refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(parts), MADE.commit))
    assert "are allowed" in error.message


# --- layers of files that are none


@pytest.mark.parametrize("suffix", ["commit", "commitmeta", "dirtree", "dirmeta"])
def test_a_layer_of_files_with_metadata_is_refused(repo: Path, suffix: str) -> None:
    parts = [*MADE.files_layer(SUID), obj(MADE.root, suffix, MADE.metadata["dirtree"][MADE.root])]
    error = refused(repo, UnsafeArchive, lambda: send(repo, "import-objects", tar_of(parts)))
    assert "in a layer of files" in error.message


def test_a_layer_of_files_holds_each_once(repo: Path) -> None:
    parts = [*MADE.files_layer(SUID), obj(SUID, "file-xattrs-link"), FILE]
    error = refused(repo, UnsafeArchive, lambda: send(repo, "import-objects", tar_of(parts)))
    assert "twice" in error.message


def test_the_layer_is_the_one_of_the_config(repo: Path) -> None:
    """R2, of both kinds."""
    other = f"sha256:{'0' * 64}"
    ref = f"appctl/ostree/acme/{'0' * 64}"
    commit, files = tar_of(LAYER), tar_of(MADE.files_layer(SUID))
    refused(repo, DigestMismatch, lambda: send(repo, "import-objects", files, diff_id=other, ref=ref))
    refused(repo, DigestMismatch, lambda: send_commit(repo, commit, MADE.commit, diff_id=other, ref=ref))


@pytest.mark.parametrize("ref", [f"appctl/ostree/acme/{'1' * 64}", "appctl/layer/acme/{}", "x"])
def test_a_ref_of_another_layer_or_kind_is_refused(repo: Path, ref: str) -> None:
    layer = tar_of(LAYER)
    ref = ref.format(hashlib.sha256(layer).hexdigest())
    refused(repo, Failed, lambda: send_commit(repo, layer, MADE.commit, ref=ref))


def test_files_of_another_remote_do_not_count(repo: Path) -> None:
    """R5: naming another remote's layer would hand over its files."""
    chunk = tar_of(MADE.files_layer(*MADE.files))
    send(repo, "import-objects", chunk, ref=ref_of(chunk, "other"))
    layer = tar_of(MADE.layer(files=False))
    refused(repo, NotFound, lambda: send_commit(repo, layer, MADE.commit, ref_of(chunk, "other")))
    refused(repo, NotFound, lambda: send_commit(repo, layer, MADE.commit, ref_of(chunk)))
    refused(repo, DigestMismatch, lambda: send_commit(repo, layer, MADE.commit))
    send(repo, "import-objects", chunk)
    send_commit(repo, layer, MADE.commit, ref_of(chunk))


def test_a_file_of_a_layer_that_is_gone_is_missed(repo: Path) -> None:
    chunk = tar_of(MADE.files_layer(*MADE.files))
    send(repo, "import-objects", chunk)
    (repo / loose_path(Kind.FILE, SUID)).unlink()
    layer = tar_of(MADE.layer(files=False))
    refused(repo, RepoCorrupt, lambda: send_commit(repo, layer, MADE.commit, ref_of(chunk)))
    send(repo, "import-objects", chunk)


# --- limits


def test_an_archive_that_ends_within_an_entry_is_refused(repo: Path) -> None:
    layer = tar_of(LAYER)[: -(2 * BLOCK + BLOCK + 100)]  # its end, a link, some of what is in a file
    error = refused(repo, UnsafeArchive, lambda: send_commit(repo, layer, MADE.commit))
    assert "ends within" in error.message


def test_a_layer_has_no_more_bytes_than_it_may(repo: Path) -> None:
    layer = tar_of(LAYER)
    refused(repo, LimitExceeded, lambda: send_commit(repo, layer, MADE.commit, max_bytes=len(layer) - 1))
    send_commit(repo, layer, MADE.commit, max_bytes=len(layer))


def test_shared_xattrs_are_bounded(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xattrs_module, "KEPT_BYTES", 2 * 1024 + len(serialize_xattrs(XATTRS)) - 1)
    error = refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(LAYER), MADE.commit))
    assert "of xattrs" in error.message
    monkeypatch.setattr(xattrs_module, "KEPT_BYTES", 2 * 1024 + len(serialize_xattrs(XATTRS)))
    send_commit(repo, tar_of(LAYER), MADE.commit)


def test_a_few_objects_that_make_a_large_tree_are_refused(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many: Tree = {"f": File(b"x")}
    for _ in range(5):
        many = {"a": many, "b": many}
    made = Published(many)
    monkeypatch.setattr(walk, "NAMES", 93)
    refused(repo, LimitExceeded, lambda: send_commit(repo, tar_of(made.layer()), made.commit))
    monkeypatch.setattr(walk, "NAMES", 94)
    send_commit(repo, tar_of(made.layer()), made.commit)


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
