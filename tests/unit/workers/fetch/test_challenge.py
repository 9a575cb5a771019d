# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""WWW-Authenticate: what is read, and what is not read at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.workers.fetch.challenge import Challenge, parse_challenges

BEARER = Challenge("bearer", {"realm": "https://auth.example/token", "service": "registry"})
BASIC = Challenge("basic", {"realm": "a realm"})


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ('Bearer realm="https://auth.example/token",service="registry"', [BEARER]),
        ('bearer realm = "https://auth.example/token" , SERVICE=registry', [BEARER]),
        (
            'Basic realm="a realm", Bearer realm="https://auth.example/token", service="registry"',
            [BASIC, BEARER],
        ),
        (
            'Bearer realm="https://auth.example/token",service="registry", Basic realm="a realm"',
            [BEARER, BASIC],
        ),
        (r'Basic realm="a \"quoted\" realm"', [Challenge("basic", {"realm": 'a "quoted" realm'})]),
        ("Negotiate", [Challenge("negotiate", {})]),
        ("Negotiate, Basic realm=x", [Challenge("negotiate", {}), Challenge("basic", {"realm": "x"})]),
        ("", []),
    ],
)
def test_challenges_are_read_in_order(header: str, challenges: list[Challenge]) -> None:
    assert parse_challenges(header) == challenges


@pytest.mark.parametrize(
    "header",
    [
        'Bearer realm="https://one.example", realm="https://two.example"',
        'Bearer realm="https://open.example',
        'Bearer realm="https://one.example" service="x"',
        'Basic realm="x", "y"',
        'Basic realm="x", =',
        'Basic realm="' + "x" * 20000 + '"',
    ],
)
def test_what_cannot_be_read_to_its_end_is_no_challenge(header: str) -> None:
    assert parse_challenges(header) == []


@given(st.text(alphabet='Bearerlm="\\, \t=x'))
def test_any_text_is_read_or_left(header: str) -> None:
    assert all(challenge.scheme for challenge in parse_challenges(header))
