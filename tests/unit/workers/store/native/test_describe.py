# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""describe.py: what a commit object says is told once it has one meaning; the rest is a bad manifest."""

import json
from hashlib import sha256
from pathlib import Path

import gi
import pytest

from appctld.errors import BadManifest, LimitExceeded
from appctld.model.jsonvalue import JsonObject
from appctld.system.child import LINE_BYTES
from appctld.system.pipes import memory_file
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.native import describe
from appctld.workers.store.ostree.commit import Commit, Value, parse_commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from support.repositories.quarantine import HONEST, Archive

gi.require_version("OSTree", "1.0")
from gi.repository import GLib  # noqa: E402

TREE, META = "a" * 64, "b" * 64


def ask(data: bytes, size: int | None = None) -> JsonObject:
    """Describe a commit object, which comes from a file."""
    source = memory_file("commit", data)
    request: JsonObject = {"size": len(data) if size is None else size, "fds": {"in": source}}
    return HANDLERS["describe-commit"](request, lambda _: None)


def said(metadata: dict[str, Value]) -> JsonObject:
    """Describe a commit with this metadata."""
    return ask(serialize_commit(Commit(TREE, META, 5, metadata)))


def test_a_commit_of_ostrees_is_described(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    strings = {
        "version": "1.4",
        "ostree.collection-binding": "org.example.Apps",
        "xa.metadata": "[Application]\n",
    }
    options = [f"--add-metadata-string={key}={value}" for key, value in strings.items()]
    bound = ["--bind-ref=app/x86_64/beta", "--subject=A title", "--timestamp=@1700000000"]
    name = archive.commit(HONEST, *options, *bound)
    data = (archive.path / loose_path(Kind.COMMIT, name)).read_bytes()
    answer = ask(data)
    root = parse_commit(data)
    assert answer == {
        "digest": f"sha256:{name}",
        "timestamp": 1700000000,
        "refs": ["app/x86_64/beta", "app/x86_64/stable"],
        "collection": "org.example.Apps",
        "subject": "A title",
        "version": "1.4",
        "metadata": "[Application]\n",
        "tree": root.tree,
        "meta": root.meta,
    }


def test_what_is_not_said_is_null_or_empty() -> None:
    data = serialize_commit(Commit(TREE, META, 5))
    assert ask(data) == {
        "digest": f"sha256:{sha256(data).hexdigest()}",
        "timestamp": 5,
        "refs": None,
        "collection": None,
        "subject": "",
        "version": "",
        "metadata": None,
        "tree": TREE,
        "meta": META,
    }


def test_a_binding_to_nothing_is_no_missing_binding() -> None:
    assert said({"ostree.ref-binding": []})["refs"] == []


def test_either_key_gives_the_version() -> None:
    assert said({"org.opencontainers.image.version": "2"})["version"] == "2"
    assert said({"org.opencontainers.image.version": "2", "version": "1"})["version"] == "1"


BAD: list[tuple[str, Value]] = [
    ("ostree.ref-binding", "a text"),
    ("ostree.ref-binding", b"bytes"),
    ("ostree.ref-binding", [f"r{number}" for number in range(describe.REFS + 1)]),
    ("ostree.ref-binding", ["x" * 256]),
    ("ostree.ref-binding", ["a\nb"]),
    ("ostree.collection-binding", ["a list"]),
    ("ostree.collection-binding", b"bytes"),
    ("ostree.collection-binding", "a\x1bb"),
    ("ostree.collection-binding", "x" * 256),
    ("version", ["a list"]),
    ("version", "1\x85"),
    ("org.opencontainers.image.version", b"bytes"),
    ("xa.metadata", b"bytes"),
    ("xa.metadata", ["a list"]),
    ("xa.metadata", "x" * ((64 << 10) + 1)),
]


@pytest.mark.parametrize(("key", "value"), BAD)
def test_what_means_nothing_is_a_bad_manifest(key: str, value: Value) -> None:
    with pytest.raises(BadManifest, match=key):
        said({key: value})


@pytest.mark.parametrize("key", [describe.REF_BINDING, describe.COLLECTION_BINDING, "version", "xa.metadata"])
def test_a_key_of_a_type_that_libostree_would_not_find_is_not_a_missing_one(key: str) -> None:
    with pytest.raises(BadManifest, match=key):
        ask(commit_of([(key, GLib.Variant("u", 7))]))


def test_a_commit_that_says_something_twice_is_a_bad_manifest() -> None:
    twice = [("version", GLib.Variant("s", "1")), ("version", GLib.Variant("s", "2"))]
    assert ask(commit_of(twice[:1]))["version"] == "1"
    with pytest.raises(BadManifest, match="twice"):
        ask(commit_of(twice))


def commit_of(metadata: list[tuple[str, GLib.Variant]]) -> bytes:
    """A commit object with these entries, in this order."""
    builder = GLib.VariantBuilder.new(GLib.VariantType.new("(a{sv}aya(say)sstayay)"))
    entries = GLib.VariantBuilder.new(GLib.VariantType.new("a{sv}"))
    for key, value in metadata:
        entries.add_value(
            GLib.Variant.new_dict_entry(GLib.Variant("s", key), GLib.Variant.new_variant(value))
        )
    rest = [("ay", b""), ("a(say)", []), ("s", ""), ("s", ""), ("t", 0), ("ay", b"t" * 32), ("ay", b"m" * 32)]
    for member in (entries.end(), *(GLib.Variant(kind, value) for kind, value in rest)):
        builder.add_value(member)
    return builder.end().get_data_as_bytes().get_data()


NO_COMMITS = [b"", b"\xff" * 99, serialize_commit(Commit(TREE, META)) + b"\0\0"]


@pytest.mark.parametrize("data", NO_COMMITS)
def test_what_is_no_commit_is_a_bad_manifest(data: bytes) -> None:
    with pytest.raises(BadManifest):
        ask(data)


def test_a_commit_of_another_size_than_promised_is_refused() -> None:
    data = serialize_commit(Commit(TREE, META))
    with pytest.raises(LimitExceeded):
        ask(data, len(data) - 1)
    with pytest.raises(BadManifest):
        ask(data, len(data) + 1)


def test_a_commit_that_libostree_would_not_store_is_a_bad_manifest() -> None:
    with pytest.raises(BadManifest):
        said({"x": b"x" * (10 << 20)})


def test_a_long_subject_is_cut() -> None:
    data = serialize_commit(Commit(TREE, META, subject="ü" * 5000))
    assert ask(data)["subject"] == "ü" * 4096


def test_an_answer_fits_into_its_line() -> None:
    """Whatever a publisher says, the daemon hears an answer or a reason."""
    character = "\U0010ffff"  # twelve bytes of JSON
    metadata: dict[str, Value] = {
        "ostree.ref-binding": [character * 255] * describe.REFS,
        "ostree.collection-binding": character * 255,
        "version": character * 255,
        "xa.metadata": "\x01" * (64 << 10),
    }
    answer = ask(serialize_commit(Commit(TREE, META, 5, metadata, character * 9999)))
    assert len(json.dumps(answer)) < LINE_BYTES - 1000
