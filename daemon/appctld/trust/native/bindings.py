# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether a signed commit is what it was asked for as: the second half of the verdict.

Pure. A signature over a commit says nothing of branches; what the commit itself says of them does (R7): else
whoever serves a repository could give one app's commit out as another's.
"""

from appctld.errors import SignatureInvalid
from appctld.model.commit import CommitFacts
from appctld.model.ostreeref import OstreeRef
from appctld.trust.clock import check_not_ahead
from appctld.trust.native.signatures import CommitPolicy, Signed
from appctld.trust.verdict import Verdict


def bind(signed: Signed, facts: CommitFacts, reference: OstreeRef, remote: CommitPolicy, now: int) -> Verdict:
    """The verdict about a commit whose bytes are signed. `now` is unix seconds.

    Raises SignatureInvalid: it is bound to other refs, to none without `identity=repository`, to another
    collection; or it is dated in the future.
    """
    if signed.verify == "none":
        return Verdict("none", (), tag_bound=False, checked_at=now)
    try:
        bound = _names(facts, reference, remote)
        _check_collection(facts, remote)
        check_not_ahead(facts.timestamp, now, "the commit")
    except SignatureInvalid as error:
        error.about(reference=str(reference), remote=remote.name)
        raise
    return Verdict(signed.verify, signed.signers, tag_bound=bound, checked_at=now)


def _names(facts: CommitFacts, reference: OstreeRef, remote: CommitPolicy) -> bool:
    """Whether the commit names the ref; one that names others, or no list at all, may be refused."""
    if facts.refs is None:
        if remote.identity != "repository":
            raise SignatureInvalid(f"commit {facts.digest.hex[:12]}… does not say which refs it is for")
        return False
    if reference.ref not in facts.refs:
        named = ", ".join(facts.refs[:3]) or "no ref"
        raise SignatureInvalid(
            f"commit {facts.digest.hex[:12]}… was signed for {named:.200}, not for {reference.ref}",
            claimed=", ".join(facts.refs)[:1024],
        )
    return True


def _check_collection(facts: CommitFacts, remote: CommitPolicy) -> None:
    if remote.collection is not None and facts.collection != remote.collection:
        raise SignatureInvalid(
            f"commit {facts.digest.hex[:12]}… is of {facts.collection or 'no collection'!a:.200},"
            f" not of {remote.collection}"
        )
