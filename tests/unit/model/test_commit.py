# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the store says of a commit, read member by member."""

import pytest

from appctld.errors import BadManifest
from appctld.model.commit import CommitFacts
from appctld.model.jsonvalue import JsonError, JsonObject

ANSWER: JsonObject = {
    "digest": "sha256:" + "1" * 64,
    "timestamp": 1_700_000_000,
    "refs": ["app/x"],
    "collection": "org.example.Apps",
    "subject": "Release 1",
    "version": "1.0",
    "metadata": "[Application]\n",
    "tree": "2" * 64,
    "meta": "3" * 64,
}


def test_every_member() -> None:
    found = CommitFacts.from_json(ANSWER)
    assert (found.digest.hex, found.timestamp) == ("1" * 64, 1_700_000_000)
    assert (found.refs, found.collection) == (("app/x",), "org.example.Apps")
    assert (found.subject, found.version, found.metadata) == ("Release 1", "1.0", "[Application]\n")


def test_no_binding_is_not_an_empty_one() -> None:
    none = CommitFacts.from_json({**ANSWER, "refs": None, "collection": None, "metadata": None})
    assert (none.refs, none.collection, none.metadata) == (None, None, None)
    assert CommitFacts.from_json({**ANSWER, "refs": [], "collection": ""}).refs == ()


@pytest.mark.parametrize("key", ["digest", "timestamp", "subject", "version"])
def test_what_is_missing_is_an_error(key: str) -> None:
    with pytest.raises(JsonError):
        CommitFacts.from_json({name: value for name, value in ANSWER.items() if name != key})


@pytest.mark.parametrize("key", ["refs", "collection", "metadata"])
def test_what_is_of_another_kind_is_an_error(key: str) -> None:
    with pytest.raises(JsonError):
        CommitFacts.from_json({**ANSWER, key: 1})


@pytest.mark.parametrize("key", ["subject", "version"])
@pytest.mark.parametrize("text", ["a\nb", "a\x1b[31m", "\x85", "x" * 4097])
def test_what_will_be_shown_is_one_plain_line(key: str, text: str) -> None:
    with pytest.raises(BadManifest, match=key):
        CommitFacts.from_json({**ANSWER, key: text})
