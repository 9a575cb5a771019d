# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What docker, podman and skopeo save becomes a manifest, always the same, where nobody must sign it."""

import gzip
import json
import os
import tarfile
from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, LimitExceeded, NotFound, SignatureMissing, UnsafeArchive
from appctld.model.digest import Digest
from appctld.model.image import CONFIG_BYTES
from appctld.model.manifest import BLOB_BYTES, OCI_MANIFEST, Manifest, parse_document
from appctld.workers.fetch.layout import docker
from appctld.workers.fetch.layout.archive import Archive
from appctld.workers.fetch.layout.docker import DockerRepository
from appctld.workers.fetch.layout.member import Member as Part
from appctld.workers.fetch.layout.naming import Place
from support.workers.archives import Bundle, Member, member, members_of, packed, saved
from support.workers.inline import digest_of, layer_of
from support.workers.shelves import Shelf

BASE, TOP = layer_of({"a": b"a"}), layer_of({"b": b"b" * 1000})
FULL = "quay.io/acme/tools/editor:1"


@pytest.fixture
def bundle(tmp_path: Path, nothing_stays: None) -> Bundle:
    return Bundle(tmp_path / "saved.tar")


def made(bundle: Bundle, reference: str = "1") -> Manifest:
    """The manifest, read as the daemon reads it."""
    found = parse_document(bundle.resolve(reference, unsigned=True), OCI_MANIFEST)
    assert isinstance(found, Manifest)
    return found


def test_a_manifest_is_made_and_leads_to_every_part(bundle: Bundle) -> None:
    bundle.write(saved([BASE, TOP], FULL))
    manifest = made(bundle)
    assert [str(layer.digest) for layer in manifest.layers] == [digest_of(BASE), digest_of(TOP)]
    for layer, data in zip(manifest.layers, (BASE, TOP), strict=True):
        assert layer.media_type == "application/vnd.oci.image.layer.v1.tar"
        assert bundle.fetch(str(layer.digest), layer.size, unsigned=True) == data
    config = bundle.fetch(str(manifest.config.digest), manifest.config.size, unsigned=True)
    assert json.loads(config)["architecture"] == "amd64"
    digest = digest_of(bundle.resolve("1", unsigned=True))
    assert made(bundle, digest) == manifest
    with pytest.raises(NotFound):
        made(bundle, digest_of(b"x"))
    with pytest.raises(NotFound):
        bundle.fetch(digest_of(b"x"), 1, unsigned=True)


def test_the_same_bytes_give_the_same_manifest_wherever_they_lie(bundle: Bundle) -> None:
    members = saved([BASE, TOP], FULL)
    bundle.write(members)
    first = bundle.resolve("1", unsigned=True)
    bundle.write([*reversed(members), member("repositories", b"{}")], tarfile.PAX_FORMAT)
    assert bundle.resolve("1", unsigned=True) == first


def test_compressed_layers_are_named_by_what_they_hash_to(bundle: Bundle) -> None:
    zipped = gzip.compress(TOP, mtime=0)
    bundle.write(saved([BASE, zipped], FULL, claimed=[BASE, TOP]))
    layer = made(bundle).layers[1]
    assert (str(layer.digest), layer.size) == (digest_of(zipped), len(zipped))
    assert layer.media_type.endswith(".tar+gzip")
    assert bundle.fetch(str(layer.digest), layer.size, unsigned=True) == zipped


def test_for_a_layer_no_other_of_another_size_is_hashed(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request is a process of its own, and an archive of some gigabytes would be read once a layer."""
    zipped = [gzip.compress(layer, mtime=0) for layer in (BASE, TOP)]
    bundle.write(saved(zipped, FULL, claimed=[BASE, TOP]))
    hashed, real = list[str](), docker._hashed

    def counted(layer: Part) -> Digest:
        hashed.append(layer.name)
        return real(layer)

    monkeypatch.setattr(docker, "_hashed", counted)
    for layer, data in zip(made(bundle).layers, zipped, strict=True):
        hashed.clear()
        assert bundle.fetch(str(layer.digest), layer.size, unsigned=True) == data
        assert len(hashed) == 1
    with pytest.raises(NotFound):
        bundle.fetch(digest_of(zipped[0]), len(zipped[0]) + 1, unsigned=True)


def test_layers_may_be_links_to_others_in_the_archive(bundle: Bundle) -> None:
    members = saved([BASE], FULL)
    moved = [member("real.tar", BASE), member("0/layer.tar", kind=tarfile.SYMTYPE, target="../real.tar")]
    bundle.write([*moved, *members[1:]])
    assert bundle.fetch(digest_of(BASE), len(BASE), unsigned=True) == BASE


@pytest.mark.parametrize(
    "target", ["../../etc/passwd", "/etc/passwd", "nowhere", "..", "../0/layer.tar", "../other"]
)
def test_links_lead_nowhere_else(target: str, bundle: Bundle) -> None:
    other = member("other", kind=tarfile.SYMTYPE, target="config.json")
    link = member("0/layer.tar", kind=tarfile.SYMTYPE, target=target)
    bundle.write([link, other, *saved([BASE], FULL)[1:]])
    with pytest.raises((BadManifest, UnsafeArchive)):
        made(bundle)


@pytest.mark.parametrize("names", [(FULL,), ("tools/editor:1",), ("x", FULL), ("1",), ()])
def test_names_are_read_as_those_of_a_layout(names: tuple[str, ...], bundle: Bundle) -> None:
    bundle.write(saved([BASE], *names))
    assert len(made(bundle).layers) == 1


def test_another_name_is_not_taken(bundle: Bundle) -> None:
    bundle.write(saved([BASE], "localhost/editor:1"))
    with pytest.raises(NotFound, match="it has localhost/editor:1"):
        made(bundle)


def listing(*images: object) -> list[Member]:
    return [*saved([BASE], FULL)[:-1], member("manifest.json", json.dumps(images).encode())]


IMAGE = {"Config": "config.json", "RepoTags": [FULL], "Layers": ["0/layer.tar"]}
WRONG: list[tuple[list[Member], type[AppctlError]]] = [
    ([member("manifest.json", b"{}")], BadManifest),
    ([member("manifest.json", b"[1]")], BadManifest),
    ([member("manifest.json", b" " * (1 << 20) + b"[]")], LimitExceeded),
    (listing(*[IMAGE] * 257), BadManifest),
    (listing({**IMAGE, "Config": "nowhere"}), BadManifest),
    (listing({**IMAGE, "Config": ["config.json"]}), BadManifest),
    (listing({**IMAGE, "Config": "0/layer.tar"}), BadManifest),
    (listing({**IMAGE, "Layers": ["nowhere"]}), BadManifest),
    (listing({**IMAGE, "Layers": ["../config.json"]}), BadManifest),
    (listing({**IMAGE, "Layers": "0/layer.tar"}), BadManifest),
    (listing({**IMAGE, "Layers": []}), BadManifest),
    (listing({**IMAGE, "Layers": ["0/layer.tar"] * 257}), BadManifest),
    (listing({**IMAGE, "RepoTags": FULL}), BadManifest),
    (listing(IMAGE, {**IMAGE, "Config": "other.json"}), BadManifest),
    ([*saved([BASE], FULL), member("0/layer.tar", b"")], UnsafeArchive),
]


@pytest.mark.parametrize(("members", "error"), WRONG)
def test_lists_that_lie(members: list[Member], error: type[AppctlError], bundle: Bundle) -> None:
    bundle.write(members)
    with pytest.raises(error):
        made(bundle)


def test_a_config_and_a_manifest_have_their_limits(bundle: Bundle) -> None:
    members = saved([BASE], FULL)
    config = members[1][1]
    bundle.write([members[0], member("config.json", config + b" " * CONFIG_BYTES), members[2]])
    with pytest.raises(LimitExceeded, match=r"config\.json has"):
        made(bundle)
    bundle.write(members)
    with bundle.path.open("rb") as file:
        shelf = DockerRepository(Archive(file.fileno()), Place("quay.io", "acme/tools/editor", "acme"))
        size = len(shelf.manifest("1")[0])
        assert len(shelf.manifest("1", size)[0]) == size
        with pytest.raises(LimitExceeded, match="a manifest of"):
            shelf.manifest("1", size - 1)


def test_so_have_layers(bundle: Bundle) -> None:
    listed, config = listing({**IMAGE, "Layers": ["0/layer.tar"] * 257})[-1], saved([BASE] * 257, FULL)[-2]
    bundle.write([*saved([BASE], FULL)[:1], config, listed])
    with pytest.raises(BadManifest, match="257 layers where 256 are allowed"):
        bundle.resolve("1", unsigned=True)  # itself: the daemon would refuse its manifest, too
    rest = packed(saved([BASE], FULL)[1:]).rstrip(b"\0")
    rest = rest.ljust(-(-len(rest) // 512) * 512, b"\0")
    layer = tarfile.TarInfo("0/layer.tar")
    layer.size = BLOB_BYTES + 1
    bundle.path.write_bytes(rest + layer.tobuf(tarfile.GNU_FORMAT))
    os.truncate(bundle.path, len(rest) + BLOB_BYTES + 4096)  # nothing of it is on a disk
    with pytest.raises(LimitExceeded, match=r"0/layer\.tar has"):
        made(bundle)


def test_where_somebody_must_have_signed_it_is_refused(bundle: Bundle) -> None:
    bundle.write(saved([BASE], FULL))
    for changes in ({}, {"unsigned": False}):
        with pytest.raises(SignatureMissing, match="no manifest that anyone could have signed"):
            bundle.resolve("1", **changes)
        with pytest.raises(SignatureMissing):
            bundle.run("attachments", {"digest": digest_of(b"x")}, **changes)
    answer, _ = bundle.run("attachments", {"digest": digest_of(b"x")}, unsigned=True)
    assert answer["attached"] == []


def test_a_layout_with_such_a_list_beside_it_is_a_layout(bundle: Bundle, tmp_path: Path) -> None:
    """As newer versions of docker save it."""
    shelf = Shelf(tmp_path / "images")
    shelf.add("1", b"{1}")
    bundle.write([*members_of(shelf.directory), *saved([BASE], FULL)])
    assert bundle.resolve("1") == b"{1}"
