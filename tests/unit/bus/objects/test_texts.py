# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An option's string has its grammar; one that nobody thought of is at least a short line."""

import pytest

from appctld.bus.objects.texts import GRAMMARS, TEXT_LENGTH, check_texts
from appctld.errors import InvalidReference, LimitExceeded

HASH = "0" * 64
GOOD = {
    "remote": "acme",
    "expected-digest": f"sha256:{HASH}",
    "accept-permissions": [HASH, HASH],
    "ids": ["org.acme.Editor"],
    "host": "registry.example.org:5000/team",
    "scope": "user",
}


def test_what_has_a_grammar_passes_in_it() -> None:
    assert GOOD.keys() <= GRAMMARS.keys()
    check_texts(GOOD)
    check_texts({"registry-auth": [{"host": "h.io", "password": "\x1b\u202e" * 1000}]})
    check_texts(dict.fromkeys([*GOOD, "to"], ""))
    check_texts({"to": "1.4 \u00e9dition", "reinstall": True, "limit": 5})


@pytest.mark.parametrize("key", sorted(GOOD))
@pytest.mark.parametrize("text", ["a b", "\u0430cme", "../x", "x\n", "X" * 2000])
def test_what_is_outside_is_refused_wherever_it_stands(key: str, text: str) -> None:
    for options in ({key: text}, {key: ("", text)}, {"outer": {key: text}}, {"outer": [{key: text}]}):
        with pytest.raises((InvalidReference, LimitExceeded)):
            check_texts(options)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1.4\x1b[2J", InvalidReference),
        ("1.4\u202e", InvalidReference),
        ("1.4\u200b", InvalidReference),
        ("1\n4", InvalidReference),
        ("1" * (TEXT_LENGTH + 1), LimitExceeded),
    ],
)
def test_any_other_text_is_a_short_line(text: str, error: type[Exception]) -> None:
    check_texts({"whatever": "1" * TEXT_LENGTH})
    with pytest.raises(error):
        check_texts({"whatever": text})
