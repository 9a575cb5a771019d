# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Layers packed again: which publishers' blobs can be made of their tars, and which cannot."""

import json
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appctld.errors import InvalidReference, NotFound
from appctld.model.digest import Digest
from appctld.model.manifest import Descriptor
from appctld.workers.export.image import packing
from appctld.workers.export.image.export import export
from appctld.workers.export.image.packing import packed, packed_as
from appctld.workers.export.publish.publish import publish
from support.images.golden import FIXTURES
from support.images.layouts import blob, document, named
from support.workers.inline import digest_of
from support.workers.leaving import names
from support.worlds.compressed import push_packed
from support.worlds.world import BASE, TOP, World

TAR = bytes(range(256)) * 9000


def layers(root: Path, tag: str) -> Iterator[tuple[Descriptor, bytes, bytes]]:
    """Each layer of an image in a layout: what the manifest says, its blob, and the image's config."""
    manifest = document(root, named(root)[tag]["digest"])
    config = blob(root, manifest["config"]["digest"]).read_bytes()
    for layer in manifest["layers"]:
        told = Descriptor(layer["mediaType"], Digest.parse(layer["digest"]), layer["size"])
        yield told, blob(root, layer["digest"]).read_bytes(), config


def again(told: Descriptor, config: bytes, data: bytes) -> bytes:
    tar = zlib.decompress(data, 31)
    return b"".join(packed_as(told, config, lambda: iter([tar[:1000], tar[1000:]])))


@pytest.mark.parametrize("tag", ["flatpak-app", "flatpak-runtime"])
def test_what_flatpak_packed_is_made_again(tag: str) -> None:
    found = list(layers(FIXTURES / "images", tag))
    assert found
    for told, data, config in found:
        assert again(told, config, data) == data


@pytest.mark.parametrize("form", ["plain", "ostree"])
def test_what_appctl_publish_packed_is_made_again(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(TAR)
    request: Any = {
        "source": {"directory": str(source), "owner": {"uid": 0, "gid": 0}, "timestamp": 0, "version": ""},
        "form": form, "platform": {"os": "linux", "architecture": "amd64"}, "labels": {}, "entrypoint": [],
        "chunked": False, "map": "", "to": {"kind": "directory", "path": str(tmp_path / "layout")},
        "name": "localhost/x:1",
        "sign": {"identity": "localhost/x:1", "gpg": "", "cosign": "", "lookaside": ""},
    }  # fmt: skip
    publish(request, lambda _: None)
    for told, data, config in layers(tmp_path / "layout", "localhost/x:1"):
        assert again(told, config, data) == data


@pytest.mark.parametrize("tag", ["plain", "plain-zstd"])
def test_what_others_packed_is_not(tag: str) -> None:
    for told, _, config in layers(FIXTURES / "images", tag):
        with pytest.raises(NotFound, match="no writer"):
            packed_as(told, config, lambda: iter([TAR]))


@pytest.mark.parametrize("history", [[{"created_by": 5}], ["appctl publish"], {}])
def test_a_history_that_makes_no_sense_names_nobody(history: Any) -> None:  # noqa: ANN401 - JSON
    told, data, _ = next(layers(FIXTURES / "images", "plain"))
    with pytest.raises(NotFound, match="no writer is known"):
        again(told, json.dumps({"history": history}).encode(), data)


def test_a_writer_that_packs_in_another_way_by_now_is_found_out() -> None:
    config = json.dumps({"config": {"Labels": {"org.flatpak.ref": "x"}}}).encode()
    wrong = zlib.compress(TAR, 9, 31)
    told = Descriptor(packing.LAYER_TYPES["gzip"], Digest.of(wrong), len(wrong))
    with pytest.raises(NotFound, match="another one"):
        packed_as(told, config, lambda: iter([TAR]))


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_pieces_make_no_difference(how: str) -> None:
    whole = b"".join(packed([TAR], how))
    assert b"".join(packed((TAR[at : at + 777] for at in range(0, len(TAR), 777)), how)) == whole
    done = subprocess.run([how, "-dc"], input=whole, check=True, capture_output=True)
    assert done.stdout == TAR


def test_a_way_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidReference, match="gzip or zstd"):
        packed([TAR], "rar")


def test_nothing_is_packed_as_something() -> None:
    for how in ("gzip", "zstd"):
        done = subprocess.run([how, "-dc"], input=b"".join(packed([], how)), check=True, capture_output=True)
        assert done.stdout == b""


def ours(data: bytes) -> bytes:
    return b"".join(packed([data], "gzip"))


def test_an_image_of_such_a_writer_leaves_without_its_registry(tmp_path: Path) -> None:
    world = World(tmp_path / "machine")
    push_packed(world, "1", [BASE, TOP], "appctl publish", ours)
    world.install("acme.example/x/hello:1")
    request: Any = {
        "apps": [{"state": str(world.paths.root), "id": "example.acme.x.hello"}],
        "to": {"kind": "directory", "path": str(tmp_path / "layout")},
    }
    answer: Any = export(request, lambda _: None)
    assert answer["apps"][0]["digest"] == digest_of(world.registry.tags["1"])
    assert names(tmp_path / "layout")
