# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Evidence is kept beside a deployment, and is the same when it is read back."""

import json

import pytest

from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, parse_object
from appctld.trust.evidence import Attachment, Bundle, Evidence

FOUND = Evidence(
    Digest.of(b"manifest"),
    openpgp=(b"\x00\xff", b""),
    attachments=(Attachment(b"payload", b"\x30\x00"), Attachment(b"{}", b"", "someone@example.org")),
    looked_at=("https://sigs.example/x (404)",),
    ed25519=(b"\x01" * 64,),
    bundles=(Bundle(b"{}"), Bundle(b"{}", b"payload", "someone@example.org")),
)


def test_what_is_written_reads_back_as_the_same() -> None:
    text = json.dumps(FOUND.to_json()).encode()
    assert Evidence.from_json(parse_object(text, 1 << 20)) == FOUND


@pytest.mark.parametrize("member", ["digest", "openpgp", "attachments", "looked_at", "ed25519", "bundles"])
def test_a_member_that_is_missing_is_refused(member: str) -> None:
    with pytest.raises(JsonError, match=member):
        Evidence.from_json({key: value for key, value in FOUND.to_json().items() if key != member})


def test_what_is_no_base64_is_refused() -> None:
    with pytest.raises(JsonError, match="base64"):
        Evidence.from_json({**FOUND.to_json(), "openpgp": ["%"]})
