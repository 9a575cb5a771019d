# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where the signatures that a remote asks for are looked for, and what makes no sense as an answer."""

from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.remote import Remote, make_remote
from appctld.errors import AppctlError, Failed, SignatureMissing, UntrustedSigner
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.login import Login
from appctld.pipeline.images import verify
from appctld.trust.evidence import Attachment, Bundle, Evidence
from appctld.trust.verdict import SIGNATURE_BYTES, SIGNATURES, Verdict
from support.signatures.cosign import CosignKey
from support.worlds.world import BASE, World

REFERENCE = "acme.example/x/hello:1"
KEY = CosignKey()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An image of one layer is published."""
    world = World(tmp_path)
    world.registry.push("1", [BASE])
    return world


def _signed(**more: str) -> Remote:
    settings = {"url": "https://acme.example/x", **more}
    return make_remote("acme", settings, keyring=None, ca=None, origin=Path("/x"), writable=True)


def _evidence(world: World, monkeypatch: pytest.MonkeyPatch, remote: Remote) -> Evidence:
    """What the judge is given: signatures, and where they were looked for."""
    given: list[Evidence] = []

    async def judge(evidence: Evidence, **_question: object) -> Verdict:
        given.append(evidence)
        return Verdict("none", (), tag_bound=False, checked_at=0)

    monkeypatch.setattr(verify, "judge", judge)
    world.plan(REFERENCE, remote)
    return given[0]


def test_a_remote_without_a_lookaside_has_no_signatures(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _evidence(world, monkeypatch, _signed()).looked_at == ("remote acme names no lookaside",)
    assert "signatures" not in world.ops()


def test_where_signatures_were_looked_for_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = _evidence(world, monkeypatch, _signed(lookaside="https://sigs.example"))
    assert (evidence.openpgp, evidence.looked_at) == ((), ("https://sigs.example/signature-1 (404)",))


@pytest.mark.parametrize(
    "answer",
    [
        {"looked_at": []},
        {"sizes": []},
        {"sizes": [], "looked_at": ["https://sigs.example"]},
        {"sizes": [], "looked_at": [["https://sigs.example", "404"]]},
    ],
)
def test_signatures_that_make_no_sense_are_a_failure(world: World, answer: JsonObject) -> None:
    world.registry.tell = lambda said: said if "documents" in said else answer
    with pytest.raises(Failed, match="makes no sense"):
        world.plan(REFERENCE, _signed(lookaside="https://sigs.example"))


def test_a_lookaside_has_no_more_than_32_signatures(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = _signed(lookaside="https://sigs.example")
    world.registry.lookaside = [b"one", b"", bytes(SIGNATURES * SIGNATURE_BYTES - 3)]
    assert _evidence(world, monkeypatch, remote).openpgp == tuple(world.registry.lookaside)
    world.registry.lookaside.append(b"x")
    with pytest.raises(AppctlError, match="more than"):
        world.plan(REFERENCE, remote)


# --- beside the image


def _by_cosign(**more: str) -> Remote:
    settings = {"url": "https://acme.example/x", "verify": "cosign", **more}
    return make_remote(
        "acme", settings, keyring=None, ca=None, origin=Path("/x"), writable=True, cosign_keys=KEY.pem
    )


def test_a_signature_beside_the_image_lets_it_in(world: World) -> None:
    digest = world.registry.push("1", [BASE])
    world.registry.attached[digest] = [KEY.attach(digest, REFERENCE)]
    record = world.install(REFERENCE, _by_cosign()).record
    assert (record.verify, record.signer, record.signed_at, record.tag_bound) == (
        "cosign",
        KEY.fingerprint,
        0,
        True,
    )
    assert "signatures" not in world.ops()


def test_without_one_the_places_are_named(world: World) -> None:
    with pytest.raises(SignatureMissing) as caught:
        world.install(REFERENCE, _by_cosign(lookaside="https://sigs.example"))
    assert caught.value.data["looked_at"] == ["referrers (0)"]


def test_a_signature_on_the_index_suffices(world: World) -> None:
    digest = world.registry.push("1", [BASE])
    listed = world.registry.push_index("1")
    world.registry.attached[listed] = [KEY.attach(listed, REFERENCE)]
    assert world.install(REFERENCE, _by_cosign()).record.tag_bound
    world.registry.attached = {digest: [CosignKey().attach(digest, REFERENCE)]}
    with pytest.raises(UntrustedSigner):
        world.plan(REFERENCE, _by_cosign())


def test_both_kinds_are_looked_for_where_both_are_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = replace(_by_cosign(lookaside="https://sigs.example"), verify="gpg+cosign")
    evidence = _evidence(world, monkeypatch, remote)
    assert evidence.looked_at == ("https://sigs.example/signature-1 (404)", "referrers (0)")


@pytest.mark.parametrize("verify_by", ["digest", "none"])
def test_where_nobody_is_asked_nothing_is_looked_for(
    verify_by: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _evidence(world, monkeypatch, replace(_by_cosign(), verify=verify_by))
    assert not {"signatures", "attachments"} & set(world.ops())


def test_the_registry_gets_the_jobs_login_and_the_lookaside_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = Login("acme.example/x", {"username": "user", "password": "secret"})
    world.tools = replace(world.tools, logins=(login,))
    remote = replace(_by_cosign(lookaside="https://sigs.example"), verify="gpg+cosign")
    _evidence(world, monkeypatch, remote)
    sent = {str(request["op"]): request.get("credential") for request in world.runner.requests}
    assert sent["attachments"] is not None
    assert sent["attachments"] == sent["resolve"]
    assert sent["signatures"] is None


def _attached(**changes: Json) -> JsonObject:
    item: JsonObject = {"bundle": False, "sizes": [0, 0], "identity": "", **changes}
    return {"attached": [item], "looked_at": []}


@pytest.mark.parametrize(
    "answer",
    [
        {"looked_at": []},
        {"attached": []},
        {"attached": [], "looked_at": [["referrers", 0]]},
        {"attached": ["x"], "looked_at": []},
        _attached(bundle="yes"),
        _attached(bundle=None),
        _attached(identity=None),
        _attached(sizes=[0]),
        _attached(sizes=[0, 0, 0]),
        _attached(sizes=["0", 0]),
        _attached(sizes=[0, 1]),
        _attached(sizes=[-1, 0]),
    ],
)
def test_attachments_that_make_no_sense_are_a_failure(world: World, answer: JsonObject) -> None:
    world.registry.tell = lambda said: said if "documents" in said else answer
    with pytest.raises(Failed, match="makes no sense"):
        world.plan(REFERENCE, _by_cosign())


def test_what_the_fetcher_wrote_is_told_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = world.registry.push("1", [BASE])
    world.registry.attached[digest] = [Attachment(b"one", b"two"), Attachment(b"", b"three", "x" * 300)]
    evidence = _evidence(world, monkeypatch, _by_cosign())
    assert evidence.attachments == (Attachment(b"one", b"two"), Attachment(b"", b"three", "x" * 256))
    world.registry.tell = lambda said: _as_bundles(said) if "attached" in said else said
    evidence = _evidence(world, monkeypatch, _by_cosign())
    assert evidence.bundles == (Bundle(b"two", b"one"), Bundle(b"three", b"", "x" * 256))
    assert evidence.attachments == ()


def _as_bundles(said: JsonObject) -> JsonObject:
    attached = said["attached"]
    assert isinstance(attached, list)
    return {**said, "attached": [{**item, "bundle": True} for item in attached if isinstance(item, dict)]}


def test_a_fetcher_writes_no_more_than_32_signatures_can_have(world: World) -> None:
    digest = world.registry.push("1", [BASE])
    world.registry.attached[digest] = [Attachment(bytes(2 * SIGNATURES * SIGNATURE_BYTES + 1), b"")]
    with pytest.raises(AppctlError, match="more than"):
        world.plan(REFERENCE, _by_cosign())
