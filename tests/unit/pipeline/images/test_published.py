# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""published.py: the signature over a commit in an image, which somebody else made with gpg."""

import gc
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.remote import Remote, make_remote
from appctld.errors import (
    AppctlError,
    DigestMismatch,
    Failed,
    LimitExceeded,
    SignatureInvalid,
    SignatureMissing,
    UntrustedSigner,
)
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.pipeline.images import published
from appctld.pipeline.images.layer import fetch_anew
from appctld.pipeline.native.resolve import ANSWER_BYTES
from appctld.pipeline.records.provenance import evidence_of
from appctld.pipeline.stages import FetchedLayer, PlannedLayer, Verified
from appctld.pipeline.tools import Tools
from appctld.state.provenance import read_provenance
from appctld.state.records import installed
from appctld.system.sandbox import Bubblewrap
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store.__main__ import HANDLERS
from support.descriptors import open_descriptors
from support.images.golden import COMMIT, FIXTURES, layers_of
from support.layers.ostree_layers import File, Published
from support.repositories.ostree_store import tar_of
from support.workers.inline import digest_of, layer_of
from support.worlds.world import World

REFERENCE = "acme.example/x/hello:1"
PUBLISHER = (FIXTURES / "keys/publisher.gpg").read_bytes()
OTHER = (FIXTURES / "keys/other.gpg").read_bytes()
FINGERPRINT = "A9224799278A335FAF0F5956CEDCC28E78EBA748"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Whose signatures are judged by a real gpgv, in its sandbox."""
    world = World(tmp_path)
    world.tools = replace(world.tools, launcher=Bubblewrap(()))
    return world


def remote(keyring: bytes | None = PUBLISHER, **more: str) -> Remote:
    """Of its images' own signatures none is asked for here; no file may say so."""
    words = {"url": "https://acme.example/x", "verify-commit": "gpg", **more}
    made = make_remote("acme", words, keyring=keyring, ca=None, origin=Path("/x"), writable=True)
    return replace(made, verify="none")


def publish(world: World, layers: list[bytes], commit: str = COMMIT, final: int = -1) -> None:
    labels = {"ostree.commit": commit, "ostree.final-diffid": digest_of(layers[final])}
    world.registry.push("1", layers, Labels=labels)


def refused(world: World, expected: type[AppctlError], asking: Remote) -> AppctlError:
    """And nothing of the image was stored."""
    with pytest.raises(AppctlError) as raised:
        world.install(REFERENCE, asking)
    assert type(raised.value) is expected, raised.value
    assert not installed(world.paths)
    assert list(world.paths.repo.glob("objects/??/*")) == []
    assert not any(str(op).startswith("import-") for op in world.ops())
    return raised.value


@pytest.mark.parametrize("tag", ["ostree-plain", "ostree-chunked"])
def test_a_commit_that_the_remotes_key_signed_installs(world: World, tag: str) -> None:
    layers = layers_of(tag)
    publish(world, layers)
    deployed = world.install(REFERENCE, remote())
    assert deployed.record.commit == COMMIT
    assert deployed.record.bytes_downloaded == sum(map(len, layers))
    assert len(world.registry.asked) == len(set(world.registry.asked)), "nothing is fetched twice"
    assert not [path for path in world.paths.blobs.rglob("*") if path.is_file()]


@pytest.mark.parametrize("above", [[], [layer_of({"usr/": None, "usr/new": b"x"})]], ids=["alone", "derived"])
def test_what_was_signed_is_kept_beside_the_app(world: World, above: list[bytes]) -> None:
    """And nowhere else: signatures belong to one remote (R5)."""
    publish(world, [*layers_of("ostree-plain"), *above], final=0)
    deployed = world.install(REFERENCE, remote())
    kept = read_provenance(deployed.path.parent).commit
    assert kept is not None
    assert Digest.of(kept.raw).hex == COMMIT
    assert evidence_of(kept).digest.hex == COMMIT
    assert len(evidence_of(kept).openpgp) == 1
    assert list(world.paths.repo.glob("objects/??/*.commitmeta")) == []
    world.install(REFERENCE, remote(PUBLISHER, **{"verify-commit": "no"}))
    assert read_provenance(world.paths.app(deployed.record.id) / "current").commit is None


def test_it_is_judged_before_anything_is_stored(world: World) -> None:
    publish(world, layers_of("ostree-chunked"))
    world.install(REFERENCE, remote())
    ops = [op for op in world.ops() if op == "show-commit" or str(op).startswith("import-")]
    assert ops == ["show-commit", *["import-objects"] * 5, "import-commit-layer"]


def test_a_commit_needs_its_files_and_a_plain_image_no_order(world: World) -> None:
    publish(world, layers_of("ostree-chunked"))
    planned = world.plan(REFERENCE, remote())
    assert planned.in_turn() == (planned.layers[1:], planned.layers[:1])
    world.registry.push("1", [layer_of({"a": b"1"}), layer_of({"b": b"2"})])
    planned = world.plan(REFERENCE, remote())
    assert planned.in_turn() == (planned.layers, ())


def test_layers_above_it_are_its_publishers_no_more(world: World) -> None:
    """What is signed is the commit; the image's own signature is over the rest."""
    layers = [*layers_of("ostree-plain"), layer_of({"usr/": None, "usr/new": b"x"})]
    publish(world, layers, final=0)
    assert world.install(REFERENCE, remote()).record.commit != COMMIT


def test_another_key_does_not_count(world: World) -> None:
    publish(world, layers_of("ostree-chunked"))
    error = refused(world, UntrustedSigner, remote(OTHER))
    assert error.data["reference"] == REFERENCE


def test_without_a_key_nothing_verifies(world: World) -> None:
    """R6."""
    publish(world, layers_of("ostree-plain"))
    refused(world, UntrustedSigner, remote(None))


@pytest.mark.parametrize("more", [{"deny-keys": FINGERPRINT}, {"fingerprints": "B" * 40}])
def test_a_key_that_does_not_count_for_images_does_not_for_commits(
    world: World, more: dict[str, str]
) -> None:
    publish(world, layers_of("ostree-plain"))
    refused(world, UntrustedSigner, remote(PUBLISHER, **more))


@pytest.mark.parametrize("detached", [None, b""])
def test_a_commit_that_nobody_signed_is_refused(world: World, detached: bytes | None) -> None:
    made = Published({"f": File(b"x")})
    publish(world, [tar_of(made.layer(detached=detached))], made.commit)
    refused(world, SignatureMissing, remote())


def test_a_signature_over_another_commit_does_not_count(world: World) -> None:
    made = Published({"f": File(b"x")})
    with tarfile.open(fileobj=io.BytesIO(layers_of("ostree-plain")[0])) as tar:
        (member,) = [member for member in tar if member.name.endswith(".commitmeta")]
        found = tar.extractfile(member)
        assert found is not None
        detached = found.read()
    publish(world, [tar_of(made.layer(detached=detached))], made.commit)
    refused(world, SignatureInvalid, remote())


def test_what_is_here_is_judged_again(world: World) -> None:
    """A key that was denied since brings nothing, though all of it is here."""
    publish(world, layers_of("ostree-plain"))
    world.install(REFERENCE, remote(PUBLISHER, **{"verify-commit": "no"}))
    asked = len(world.registry.asked)
    denied = remote(PUBLISHER, **{"deny-keys": FINGERPRINT})
    with pytest.raises(UntrustedSigner):
        world.install(REFERENCE, denied)
    assert len(world.registry.asked) > asked
    assert world.install(REFERENCE, remote()).record.commit == COMMIT


def test_a_store_that_shows_too_much_is_not_read_to_its_end(world: World) -> None:
    publish(world, layers_of("ostree-plain"))

    def show(request: JsonObject, _report: Report) -> JsonObject:
        os.close(descriptor(request, "tar"))
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            out.write(bytes(ANSWER_BYTES + 1))
        return {"size": ANSWER_BYTES + 1, "openpgp": [], "ed25519": []}

    world.runner.instead["show-commit"] = show
    refused(world, LimitExceeded, remote())


def test_a_preview_says_that_the_commits_layer_comes_again(world: World) -> None:
    layers = layers_of("ostree-chunked")
    publish(world, layers)
    world.install(REFERENCE, remote())
    assert world.plan(REFERENCE, remote()).bytes_to_download == len(layers[0])
    assert world.plan(REFERENCE, remote(PUBLISHER, **{"verify-commit": "no"})).bytes_to_download == 0


def test_a_remote_that_does_not_ask_looks_at_none(world: World) -> None:
    made = Published({"f": File(b"x")})
    publish(world, [tar_of(made.layer(detached=None))], made.commit)
    world.install(REFERENCE, remote(None, **{"verify-commit": "no"}))
    assert "show-commit" not in world.ops()


def test_plain_images_are_not_asked_for_a_commit(world: World) -> None:
    """Nor those that hold one and lost their label on the way: the image's signature covers that."""
    world.registry.push("1", [layer_of({"usr/": None})])
    world.install(REFERENCE, remote())
    assert "show-commit" not in world.ops()


def test_a_blob_that_is_gone_costs_no_descriptor(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(world, layers_of("ostree-plain"))

    async def gone(layer: PlannedLayer, verified: Verified, tools: Tools) -> FetchedLayer:
        fetched = await fetch_anew(layer, verified, tools)
        assert fetched.blob is not None
        fetched.blob.unlink()
        return fetched

    monkeypatch.setattr(published, "fetch_anew", gone)
    gc.collect()  # what earlier tests left to it
    before = open_descriptors()
    assert "cannot be opened" in refused(world, Failed, remote()).message
    assert open_descriptors() == before


def test_a_blob_that_goes_after_it_was_judged_is_fetched_again(world: World) -> None:
    """Another job that brought the same layer meanwhile removes it."""
    layers = layers_of("ostree-plain")
    publish(world, layers)

    def show(request: JsonObject, report: Report) -> JsonObject:
        answer = HANDLERS["show-commit"](request, report)
        for path in world.paths.blobs.rglob(digest_of(layers[0]).removeprefix("sha256:")):
            path.unlink()
        return answer

    world.runner.instead["show-commit"] = show
    assert world.install(REFERENCE, remote()).record.commit == COMMIT
    assert world.registry.asked.count(digest_of(layers[0])) == 2


def test_a_layer_of_other_bytes_is_refused(world: World) -> None:
    layers = layers_of("ostree-plain")
    publish(world, layers)
    world.registry.blobs[digest_of(layers[0])] = bytes(len(layers[0]))
    refused(world, DigestMismatch, remote())
