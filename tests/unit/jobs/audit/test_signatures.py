# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is said of signatures that are judged again: by whom they count today, not by whom they once did."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from appctld.errors import Failed
from appctld.jobs.audit import signatures
from appctld.jobs.audit.kept import Kept, kept
from appctld.jobs.audit.signatures import Standing, opinion
from appctld.state.provenance import Signed
from appctld.system.packages import missing
from appctld.trust.verdict import Signer, Verdict
from support.worlds.neighbours import Neighbours

FIRST, SECOND = "A" * 40, "B" * 40


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Neighbours:
    return Neighbours(tmp_path_factory.mktemp("signatures"))


def signed_by_two(yard: Neighbours) -> Kept:
    """A deployment that two keys once spoke for."""
    found = asyncio.run(kept(yard.scene().deployment, yard.tools))
    assert found.provenance is not None
    signers = (Signed(FIRST, "First", 1), Signed(SECOND, "Second", 2))
    judged = replace(found.provenance.judged, verify="gpg", signers=signers, checked_at=0)
    return replace(found, provenance=replace(found.provenance, judged=judged))


def said(yard: Neighbours, monkeypatch: pytest.MonkeyPatch, today: Sequence[str]) -> str:
    """What is said where the signatures of these keys count today; all of it is good."""

    async def judge(*_question: object) -> Verdict:
        return Verdict("gpg", tuple(Signer(name, "", 1) for name in today), tag_bound=True, checked_at=9)

    monkeypatch.setattr(signatures, "judge", judge)
    found = asyncio.run(opinion(signed_by_two(yard), yard.book.all(), yard.tools))
    assert found.standing is Standing.GOOD
    return found.words


def test_all_who_signed_count_today(yard: Neighbours, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(yard, monkeypatch, [FIRST, SECOND]) == "2 signatures hold, as when checked on 1970-01-01"


def test_one_who_signed_counts_no_more_and_is_named(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = said(yard, monkeypatch, [FIRST])
    assert words.startswith("1 signatures hold; when checked on 1970-01-01, 2 did; since then key BBBB…BBBB")
    assert "AAAA" not in words


def test_where_nobody_can_judge_no_signature_is_said_to_count_no_longer(
    yard: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def judge(*_question: object) -> Verdict:
        raise missing("gpgv", "no OpenPGP signature can be judged")

    monkeypatch.setattr(signatures, "judge", judge)
    with pytest.raises(Failed, match="gpgv is missing") as raised:
        asyncio.run(opinion(signed_by_two(yard), yard.book.all(), yard.tools))
    assert raised.value.advice == "apt install gpgv"
