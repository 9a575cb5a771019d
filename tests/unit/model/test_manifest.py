# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/manifest.py: one document, one meaning; everything else is refused."""

import json
from typing import Any

import pytest

from appctld.errors import AppctlError, ArchMismatch, BadManifest, CredentialScope, UnsupportedMediaType
from appctld.model.digest import Digest
from appctld.model.manifest import (
    BLOB_BYTES,
    COMPRESSION,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX_ENTRIES,
    LAYERS,
    MANIFEST_BYTES,
    OCI_INDEX,
    OCI_MANIFEST,
    Index,
    Manifest,
    Platform,
    choose,
    parse_document,
)

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
AMD64 = Platform("linux", "amd64")
Document = dict[str, Any]


def blob(media_type: str = OCI_GZIP, size: int = 10, fill: str = "a", **more: object) -> Document:
    return {"mediaType": media_type, "digest": f"sha256:{fill * 64}", "size": size, **more}


def manifest(**changes: object) -> Document:
    base: Document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob(OCI_CONFIG),
        "layers": [blob(), blob(fill="b", size=20)],
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not ...}


def index(*entries: Document, **changes: object) -> Document:
    base: Document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}
    return {key: value for key, value in {**base, **changes}.items() if value is not ...}


def entry(
    architecture: str = "amd64", media_type: str = OCI_MANIFEST, fill: str = "c", **platform: str
) -> Document:
    return blob(media_type, fill=fill, platform={"os": "linux", "architecture": architecture, **platform})


def parse(document: Document, content_type: str = OCI_MANIFEST) -> Manifest | Index:
    return parse_document(json.dumps(document).encode(), content_type)


def parse_index(*entries: Document) -> Index:
    found = parse(index(*entries), OCI_INDEX)
    assert isinstance(found, Index)
    return found


def test_a_manifest_is_its_config_and_its_layers_in_order() -> None:
    found = parse(manifest(annotations={"b": "2", "a": "1"}))
    assert isinstance(found, Manifest)
    assert found.config.media_type == OCI_CONFIG
    assert [(layer.digest, layer.size) for layer in found.layers] == [
        (Digest("a" * 64), 10),
        (Digest("b" * 64), 20),
    ]


def test_a_docker_manifest_is_one_too() -> None:
    found = parse(
        manifest(
            mediaType=DOCKER_MANIFEST,
            config=blob("application/vnd.docker.container.image.v1+json"),
            layers=[blob("application/vnd.docker.image.rootfs.diff.tar.gzip")],
        ),
        DOCKER_MANIFEST,
    )
    assert isinstance(found, Manifest)


def test_a_document_without_a_media_type_is_what_it_was_served_as() -> None:
    assert isinstance(parse(manifest(mediaType=...)), Manifest)


@pytest.mark.parametrize("media_type", sorted(COMPRESSION))
def test_every_layer_type_that_is_named_is_taken(media_type: str) -> None:
    found = parse(manifest(layers=[blob(media_type)]))
    assert isinstance(found, Manifest)
    assert COMPRESSION[found.layers[0].media_type] in {"none", "gzip", "zstd"}


def test_the_largest_size_is_taken() -> None:
    found = parse(manifest(layers=[blob(size=BLOB_BYTES), blob(size=0)]))
    assert isinstance(found, Manifest)
    assert [layer.size for layer in found.layers] == [BLOB_BYTES, 0]


def test_as_many_layers_as_are_allowed_are_taken() -> None:
    found = parse(manifest(layers=[blob()] * LAYERS))
    assert isinstance(found, Manifest)
    assert len(found.layers) == LAYERS


HOSTILE: list[tuple[str, Document, str, type[AppctlError]]] = [
    ("served as another type", manifest(), OCI_INDEX, BadManifest),
    ("served as docker's type", manifest(), DOCKER_MANIFEST, BadManifest),
    ("an index served as a manifest", index(entry()), OCI_MANIFEST, BadManifest),
    ("served with a parameter", manifest(), OCI_MANIFEST + "; charset=utf-8", BadManifest),
    ("no type, served as JSON", manifest(mediaType=...), "application/json", UnsupportedMediaType),
    ("an artifact", manifest(mediaType="application/x"), "application/x", UnsupportedMediaType),
    (
        "schema 1",
        manifest(mediaType=..., schemaVersion=1),
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        UnsupportedMediaType,
    ),
    ("schema 1 in a new type", manifest(schemaVersion=1), OCI_MANIFEST, UnsupportedMediaType),
    ("no schema", manifest(schemaVersion=...), OCI_MANIFEST, BadManifest),
    ("a schema that is a text", manifest(schemaVersion="2"), OCI_MANIFEST, BadManifest),
    ("a type that is a number", manifest(mediaType=2), OCI_MANIFEST, BadManifest),
    ("a manifest that is an index too", manifest(manifests=[]), OCI_MANIFEST, BadManifest),
    ("an index that is a manifest too", index(entry(), layers=[]), OCI_INDEX, BadManifest),
    ("an index with a config", index(entry(), config=blob(OCI_CONFIG)), OCI_INDEX, BadManifest),
    ("no config", manifest(config=...), OCI_MANIFEST, BadManifest),
    ("no layers", manifest(layers=...), OCI_MANIFEST, BadManifest),
    ("layers that are no array", manifest(layers={}), OCI_MANIFEST, BadManifest),
    ("a layer that is no object", manifest(layers=["x"]), OCI_MANIFEST, BadManifest),
    ("too many layers", manifest(layers=[blob()] * (LAYERS + 1)), OCI_MANIFEST, BadManifest),
    ("a foreign layer", manifest(layers=[blob(urls=["https://e.io/x"])]), OCI_MANIFEST, CredentialScope),
    ("a foreign config", manifest(config=blob(OCI_CONFIG, urls=["x"])), OCI_MANIFEST, CredentialScope),
    ("urls of another type", manifest(layers=[blob(urls="https://e.io/x")]), OCI_MANIFEST, BadManifest),
    ("a foreign entry", index({**entry(), "urls": ["https://e.io"]}), OCI_INDEX, CredentialScope),
    ("a negative size", manifest(layers=[blob(size=-1)]), OCI_MANIFEST, BadManifest),
    ("a huge size", manifest(layers=[blob(size=BLOB_BYTES + 1)]), OCI_MANIFEST, BadManifest),
    ("a huge config", manifest(config=blob(OCI_CONFIG, size=1 << 63)), OCI_MANIFEST, BadManifest),
    ("no size", manifest(layers=[{**blob(), "size": None}]), OCI_MANIFEST, BadManifest),
    ("a size that is a text", manifest(layers=[{**blob(), "size": "10"}]), OCI_MANIFEST, BadManifest),
    ("a size that is no whole number", manifest(layers=[{**blob(), "size": 1.5}]), OCI_MANIFEST, BadManifest),
    ("a size that is true", manifest(layers=[{**blob(), "size": True}]), OCI_MANIFEST, BadManifest),
    ("a digest of another kind", manifest(layers=[{**blob(), "digest": "md5:x"}]), OCI_MANIFEST, BadManifest),
    (
        "a digest that is a path",
        manifest(config={**blob(OCI_CONFIG), "digest": "sha256:../../x"}),
        OCI_MANIFEST,
        BadManifest,
    ),
    ("no digest", manifest(layers=[{"mediaType": OCI_GZIP, "size": 1}]), OCI_MANIFEST, BadManifest),
    ("a layer of an unknown type", manifest(layers=[blob("text/plain")]), OCI_MANIFEST, UnsupportedMediaType),
    (
        "an encrypted layer",
        manifest(layers=[blob(OCI_GZIP + "+encrypted")]),
        OCI_MANIFEST,
        UnsupportedMediaType,
    ),
    (
        "a layer whose type ends in a parameter",
        manifest(layers=[blob(OCI_GZIP + "; x=y")]),
        OCI_MANIFEST,
        UnsupportedMediaType,
    ),
    ("a config of no image", manifest(config=blob("application/x")), OCI_MANIFEST, UnsupportedMediaType),
    ("annotations that are no texts", manifest(annotations={"a": 1}), OCI_MANIFEST, BadManifest),
    ("no entries", index(manifests=...), OCI_INDEX, BadManifest),
    ("too many entries", index(*[entry()] * (INDEX_ENTRIES + 1)), OCI_INDEX, BadManifest),
    ("an index in an index", index(entry(media_type=OCI_INDEX)), OCI_INDEX, BadManifest),
    ("docker's index in an index", index(entry(), entry(media_type=DOCKER_INDEX)), OCI_INDEX, BadManifest),
    ("a platform that is null", index(blob(OCI_MANIFEST, platform=None)), OCI_INDEX, BadManifest),
    ("a platform without os", index(blob(OCI_MANIFEST, platform={})), OCI_INDEX, BadManifest),
    ("a platform that colours a terminal", index(entry("\x1b[31mamd64")), OCI_INDEX, BadManifest),
    ("a platform with a long name", index(entry("a" * 10_000)), OCI_INDEX, BadManifest),
    ("a variant with a line end", index(entry(variant="v7\n")), OCI_INDEX, BadManifest),
]


@pytest.mark.parametrize(
    ("document", "content_type", "error"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
def test_a_document_with_two_meanings_or_none_is_refused(
    document: Document, content_type: str, error: type[AppctlError]
) -> None:
    with pytest.raises(AppctlError) as caught:
        parse(document, content_type)
    assert type(caught.value) is error
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"not json",
        b'{"schemaVersion":2,"schemaVersion":2}',
        json.dumps(manifest()).encode().replace(b'"layers"', b'"layers":[],"layers"'),
        json.dumps(manifest()).encode().replace(b'"size"', b'"size":1,"size"', 1),
    ],
)
def test_duplicate_names_and_garbage_are_refused(raw: bytes) -> None:
    with pytest.raises(BadManifest):
        parse_document(raw, OCI_MANIFEST)


def test_a_document_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    raw = json.dumps(manifest()).encode()
    padded = raw + b" " * (MANIFEST_BYTES - len(raw))
    assert isinstance(parse_document(padded, OCI_MANIFEST), Manifest)
    with pytest.raises(BadManifest, match=str(MANIFEST_BYTES)):
        parse_document(padded + b" ", OCI_MANIFEST)


def test_an_index_keeps_what_may_be_an_image_only() -> None:
    found = parse_index(entry(), blob("application/x", fill="d"))
    assert [one.digest.hex for one in found.entries] == ["c" * 64]


def test_the_first_entry_of_the_platform_is_chosen() -> None:
    found = parse_index(entry("arm64", fill="1"), entry(fill="2"), entry(fill="3"))
    assert choose(found, AMD64).digest.hex == "2" * 64


def test_an_entry_without_a_platform_is_never_chosen() -> None:
    found = parse_index(blob(OCI_MANIFEST), entry(fill="2"))
    assert choose(found, AMD64).digest.hex == "2" * 64


@pytest.mark.parametrize(
    ("offered", "wanted", "matches"),
    [("v8", "v8", True), ("", "v8", True), ("v8", "", True), ("v7", "v8", False)],
)
def test_a_variant_counts_where_both_sides_name_one(offered: str, wanted: str, *, matches: bool) -> None:
    found = parse_index(entry("arm", variant=offered))
    platform = Platform("linux", "arm", wanted)
    if matches:
        assert choose(found, platform).platform == Platform("linux", "arm", offered)
    else:
        with pytest.raises(ArchMismatch):
            choose(found, platform)


@pytest.mark.parametrize("platform", [Platform("linux", "s390x"), Platform("windows", "amd64")])
def test_no_image_for_this_machine_says_what_there_is(platform: Platform) -> None:
    found = parse_index(entry("arm", variant="v7"), entry())
    with pytest.raises(ArchMismatch, match=r"offered: linux/amd64, linux/arm/v7"):
        choose(found, platform)


def test_an_entry_without_a_platform_offers_nothing() -> None:
    with pytest.raises(ArchMismatch, match=r"offered: linux/arm64\)"):
        choose(parse_index(blob(OCI_MANIFEST), entry("arm64")), AMD64)


def test_an_empty_index_offers_nothing() -> None:
    with pytest.raises(ArchMismatch, match="offered: none"):
        choose(parse_index(), AMD64)
