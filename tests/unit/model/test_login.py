# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors

import pytest

from appctld.model.login import Login, login_for
from appctld.model.reference import parse_reference


@pytest.mark.parametrize(
    ("place", "covers"),
    [
        ("quay.io", True),
        ("quay.io/acme", True),
        ("quay.io/acme/x", True),
        ("quay.io/acme/x/y", False),
        ("quay.io/acm", False),
        ("quay.io:443", False),
        ("quay", False),
        ("evil.io", False),
        ("", False),
    ],
)
def test_a_login_goes_to_its_place_and_nowhere_else(place: str, covers: bool) -> None:  # noqa: FBT001
    reference = parse_reference("quay.io/acme/x:1")
    assert (login_for([Login(place, {"username": "u"})], reference) is not None) == covers


def test_the_longest_place_counts() -> None:
    logins = [Login("quay.io/acme", {"username": "acme"}), Login("quay.io", {"username": "all"})]
    assert login_for(logins, parse_reference("quay.io/acme/x")) == {"username": "acme"}
    assert login_for(logins, parse_reference("quay.io/other/x")) == {"username": "all"}


def test_a_secret_is_not_shown() -> None:
    assert "geheim" not in repr(Login("quay.io", {"password": "geheim"}))
