# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""R7 for commits: which ref and which collection a signed commit is for."""

from dataclasses import replace

import pytest

from appctld.errors import SignatureInvalid
from appctld.model.commit import CommitFacts
from appctld.model.digest import Digest
from appctld.model.ostreeref import OstreeRef
from appctld.trust.clock import FUTURE
from appctld.trust.native.bindings import bind
from appctld.trust.native.signatures import Signed
from appctld.trust.verdict import Signer
from support.signatures.policy import Trusting

NOW = 1_800_000_000
REFERENCE = OstreeRef("acme", "app/editor")
SIGNED = Signed("gpg", (Signer("A" * 40, "Acme", NOW - 10),))
FACTS = CommitFacts(Digest.of(b"commit"), NOW - 20, ("app/editor",), None, "", "", None)
REMOTE = Trusting(b"k")


def refused(facts: CommitFacts, remote: Trusting = REMOTE, signed: Signed = SIGNED) -> SignatureInvalid:
    with pytest.raises(SignatureInvalid) as caught:
        bind(signed, facts, REFERENCE, remote, NOW)
    assert (caught.value.data["reference"], caught.value.data["remote"]) == ("acme:app/editor", "acme")
    return caught.value


def test_a_commit_that_names_the_ref_is_bound_to_it() -> None:
    verdict = bind(SIGNED, FACTS, REFERENCE, REMOTE, NOW)
    assert (verdict.verify, verdict.signers, verdict.checked_at) == ("gpg", SIGNED.signers, NOW)
    assert verdict.tag_bound
    assert bind(SIGNED, replace(FACTS, refs=("x", "app/editor")), REFERENCE, REMOTE, NOW).tag_bound


@pytest.mark.parametrize("identity", ["tag", "repository"])
@pytest.mark.parametrize("refs", [(), ("app/other",), ("app",), ("app/editor/x",), ("APP/EDITOR",)])
def test_one_for_other_refs_is_refused_whatever_the_remote_says(refs: tuple[str, ...], identity: str) -> None:
    error = refused(replace(FACTS, refs=refs), replace(REMOTE, identity=identity))
    assert error.data["claimed"] == ", ".join(refs)


def test_one_that_names_none_counts_only_where_the_remote_says_so() -> None:
    unbound = replace(FACTS, refs=None)
    refused(unbound)
    assert not bind(SIGNED, unbound, REFERENCE, replace(REMOTE, identity="repository"), NOW).tag_bound


@pytest.mark.parametrize("found", [None, "", "org.acme.Other", "org.acme"])
def test_one_of_another_collection_is_refused(found: str | None) -> None:
    remote = replace(REMOTE, collection="org.acme.Apps")
    bind(SIGNED, replace(FACTS, collection="org.acme.Apps"), REFERENCE, remote, NOW)
    refused(replace(FACTS, collection=found), remote)
    assert bind(SIGNED, replace(FACTS, collection=found), REFERENCE, REMOTE, NOW).tag_bound


def test_one_of_the_day_after_tomorrow_is_refused() -> None:
    bind(SIGNED, replace(FACTS, timestamp=NOW + FUTURE), REFERENCE, REMOTE, NOW)
    refused(replace(FACTS, timestamp=NOW + FUTURE + 1))


def test_where_nobody_signed_nothing_is_bound() -> None:
    verdict = bind(Signed("none", ()), replace(FACTS, refs=("x",)), REFERENCE, REMOTE, NOW)
    assert (verdict.verify, verdict.signers, verdict.tag_bound) == ("none", (), False)
