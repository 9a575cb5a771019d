# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a deployment keeps of its verdict: the bytes, the evidence, and what was asked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.manifest import OCI_INDEX, OCI_MANIFEST
from appctld.pipeline.records.provenance import evidence_of, provenance_of, words
from appctld.pipeline.stages import Resolved, Verified
from appctld.state.provenance import Document, Judged, Signed, read_provenance
from appctld.state.records import installed_app
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Signer, Verdict
from support.worlds.world import BASE, World, trusting


@pytest.fixture
def verified(tmp_path: Path) -> Verified:
    """An image behind an index, with two signatures that counted."""
    world = World(tmp_path)
    world.registry.push("1", [BASE])
    world.registry.push_index("1")
    planned = world.plan("acme.example/x/hello:1")
    signers = (Signer("A" * 40, "Acme", 5), Signer("B" * 40, "Second", 6))
    evidence = Evidence(planned.verified.resolved.digest, (b"one", b"two"), looked_at=("https://x (404)",))
    verdict = Verdict("gpg", signers, tag_bound=True, checked_at=7)
    return replace(planned.verified, verdict=verdict, evidence=evidence)


def test_everything_that_spoke_for_an_image_is_kept(verified: Verified) -> None:
    kept, resolved = provenance_of(verified), verified.resolved
    assert resolved.index is not None
    assert kept.manifest == Document(resolved.manifest, OCI_MANIFEST)
    assert kept.index == Document(resolved.index.raw, OCI_INDEX)
    assert (kept.reference, kept.remote) == ("acme.example/x/hello:1", "acme")
    signers = (Signed("A" * 40, "Acme", 5), Signed("B" * 40, "Second", 6))
    assert kept.judged == Judged("gpg", 1, "tag", tag_bound=True, checked_at=7, signers=signers)
    assert evidence_of(kept) == verified.evidence


def test_an_image_without_an_index_keeps_none(verified: Verified) -> None:
    resolved = verified.resolved
    alone = Resolved(
        resolved.reference, resolved.remote, resolved.manifest, resolved.media_type, resolved.digest, None
    )
    assert provenance_of(replace(verified, resolved=alone)).index is None


def test_it_lies_beside_the_record_which_says_the_same(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.registry.push("1", [BASE], Labels={"org.appctl.id": "org.acme.Hello"})
    index = world.registry.push_index("1")
    deployed = world.install("acme.example/x/hello:1", trusting("acme", identity="repository"))
    kept = read_provenance(deployed.path.parent)
    record = installed_app(world.paths, "org.acme.Hello").current
    assert Digest.of(kept.manifest.raw) == record.image_digest
    assert kept.index is not None
    assert str(Digest.of(kept.index.raw)) == record.index_digest == index
    assert (record.identity, record.threshold, record.signers) == ("repository", 1, ())
    assert record.verdict == "nothing was verified: verify=none"
    assert kept.judged.checked_at == record.checked_at
    assert evidence_of(kept).digest == record.image_digest


def test_signatures_that_cannot_be_read_are_named(verified: Verified) -> None:
    broken = replace(provenance_of(verified), evidence={"digest": "sha256:1"})
    with pytest.raises(RepoCorrupt, match="signatures"):
        evidence_of(broken)


@pytest.mark.parametrize(
    ("verify", "bound", "text"),
    [
        ("none", False, "nothing was verified: verify=none"),
        ("digest", False, "the digest was given, and nobody signed"),
        ("gpg", True, "gpg: 1 counted of 2 asked for, over the tag"),
        ("gpg", False, "gpg: 1 counted of 2 asked for, over the repository or the digest, no tag"),
    ],
)
def test_the_verdict_in_words(verify: str, bound: bool, text: str) -> None:  # noqa: FBT001 - a table
    signers = (Signed("A" * 40, "Acme", 5),)
    assert words(Judged(verify, 2, "tag", tag_bound=bound, checked_at=7, signers=signers)) == text
