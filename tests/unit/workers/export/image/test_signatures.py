# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signatures that go along: where a reader looks for them, and never in the place of others."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.trust.evidence import Attachment, Bundle, Evidence
from appctld.workers.export.image.export import export
from appctld.workers.fetch.attachments import collect
from appctld.workers.fetch.endpoint import parse_endpoint
from appctld.workers.fetch.http.session import Session
from appctld.workers.fetch.registry import Registry as Reader
from support.images.layouts import named
from support.servers.registry import Registry
from support.signatures.cosign import CosignKey, statement
from support.workers.inline import digest_of
from support.workers.leaving import registry
from support.worlds.world import BASE, World

REFERENCE = "acme.example/x/hello:1"
APP = "example.acme.x.hello"
KEY = CosignKey()


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "machine")
    made.registry.push("1", [BASE])
    made.install(REFERENCE)
    return made


def with_evidence(world: World, digest: str = "", **found: Any) -> Evidence:  # noqa: ANN401 - as Evidence has it
    """Let the app have been installed with these signatures."""
    evidence = Evidence(Digest.parse(digest or digest_of(world.registry.tags["1"])), **found)
    edit(world, "provenance.json", {"evidence": evidence.to_json()})
    return evidence


def edit(world: World, name: str, change: JsonObject) -> None:
    path = next(world.paths.app(APP).glob(f"*/{name}"))
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))


def leave(world: World, to: JsonObject) -> dict[str, Any]:
    answer = export({"apps": [{"state": str(world.paths.root), "id": APP}], "to": to}, lambda _: None)
    apps: Any = answer["apps"]
    return dict(apps[0])


def layout(tmp_path: Path) -> JsonObject:
    return {"kind": "directory", "path": str(tmp_path / "layout")}


def index(tmp_path: Path) -> dict[str, dict[str, Any]]:
    return named(tmp_path / "layout")


def test_openpgp_signatures_lie_beside_a_layout(world: World, tmp_path: Path) -> None:
    evidence = with_evidence(world, openpgp=(b"one", b"two"))
    assert leave(world, layout(tmp_path))["signatures"] == 2
    place = tmp_path / f"layout/lookaside/x/hello@sha256={evidence.digest.hex}"
    assert [(place / f"signature-{number}").read_bytes() for number in (1, 2)] == [b"one", b"two"]


@pytest.fixture
def real(tmp_path: Path) -> Any:  # noqa: ANN401 - a fixture
    with Registry(tmp_path / "registry") as running:
        yield running


def found_in(real: Registry, digest: Digest) -> set[tuple[bool, bytes, bytes]]:
    """What a fetcher finds about a digest there."""
    endpoint = parse_endpoint({"registry": real.url, "repository": "demo/plain"})
    with Session(endpoint) as session:
        attached = collect(Reader(endpoint, session), digest).attached
    return {(one.bundle, one.signed, one.document) for one in attached}


def test_what_sigstore_attaches_is_found_by_the_fetcher(world: World, real: Registry) -> None:
    digest = digest_of(world.registry.tags["1"])
    simple = [KEY.attach(digest, REFERENCE), CosignKey().attach(digest, REFERENCE)]
    bundle = KEY.bundle(statement(digest, name=REFERENCE))
    beside = Bundle(b'{"messageSignature": {}}', b"payload")
    evidence = with_evidence(world, attachments=tuple(simple), bundles=(bundle, beside), openpgp=(b"x",))
    told = leave(world, registry(real.url))
    assert told["left"] == ["OpenPGP signatures: a registry has no place for them"]
    assert told["signatures"] == 4
    found = found_in(real, evidence.digest)
    assert {(False, one.payload, one.signature) for one in simple} <= found
    assert (True, b"", bundle.document) in found
    assert len(found) == 4


def test_signatures_of_others_are_not_replaced(world: World, real: Registry, tmp_path: Path) -> None:
    digest = digest_of(world.registry.tags["1"])
    for to in (registry(real.url), layout(tmp_path)):
        with_evidence(world, attachments=(KEY.attach(digest, REFERENCE),))
        assert leave(world, to)["left"] == []
        assert leave(world, to)["left"] == [], "the very same are no others"
        with_evidence(world, attachments=(CosignKey().attach(digest, REFERENCE),))
        told = leave(world, to)
        assert "with others" in told["left"][0]
        assert told["signatures"] == 0
    assert len(found_in(real, Digest.parse(digest))) == 1


def test_signatures_by_certificates_stay_behind(world: World, tmp_path: Path) -> None:
    """Their certificates are not kept, and none of them ever counts."""
    digest = digest_of(world.registry.tags["1"])
    one = KEY.attach(digest, REFERENCE)
    bundle = KEY.bundle(statement(digest))
    with_evidence(
        world,
        attachments=(Attachment(one.payload, one.signature, "somebody"),),
        bundles=(Bundle(bundle.document, b"", "somebody"),),
    )
    assert leave(world, layout(tmp_path))["signatures"] == 0
    assert list(index(tmp_path)) == [REFERENCE]


def with_index(world: World) -> str:
    """Let an index have led to the image; its digest."""
    manifest = world.registry.tags["1"]
    raw = json.dumps({"schemaVersion": 2, "manifests": [{"digest": digest_of(manifest)}]}).encode()
    kind = "application/vnd.oci.image.index.v1+json"
    edit(world, "provenance.json", {"index": {"raw": base64.b64encode(raw).decode(), "media_type": kind}})
    edit(world, "record.json", {"index_digest": digest_of(raw)})
    return digest_of(raw)


def test_an_index_goes_along_where_it_is_what_was_signed(world: World, tmp_path: Path) -> None:
    signed = with_index(world)
    with_evidence(world, signed, openpgp=(b"one",))
    told = leave(world, layout(tmp_path))
    assert (told["digest"], told["left"]) == (signed, [])
    assert index(tmp_path)[REFERENCE]["digest"] == signed
    assert (tmp_path / "layout/blobs/sha256" / digest_of(world.registry.tags["1"])[7:]).exists()
    assert (tmp_path / f"layout/lookaside/x/hello@sha256={signed[7:]}/signature-1").exists()


def test_an_index_that_nobody_signed_stays_behind(world: World, tmp_path: Path) -> None:
    with_index(world)
    with_evidence(world, openpgp=(b"one",))
    told = leave(world, layout(tmp_path))
    assert (told["digest"], told["signatures"]) == (digest_of(world.registry.tags["1"]), 1)


def test_an_index_that_was_asked_for_by_its_digest_goes_along(world: World, tmp_path: Path) -> None:
    pinned = with_index(world)
    edit(world, "record.json", {"reference": f"acme.example/x/hello@{pinned}"})
    assert leave(world, layout(tmp_path))["digest"] == pinned


def test_a_registry_is_told_the_image_where_an_index_was_signed(world: World, real: Registry) -> None:
    with_evidence(world, with_index(world), openpgp=(b"one",))
    told = leave(world, registry(real.url))
    assert told["digest"] == digest_of(world.registry.tags["1"])
    assert (told["signatures"], len(told["left"])) == (0, 1)
