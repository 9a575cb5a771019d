# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry on the Internet cannot make us ask anything inside, tried with real connections."""

import pytest

from support.machines.internet import WAYS, explore


@pytest.fixture(scope="module")
def tried() -> dict[str, list[object]]:
    """What each attempt ended with: [the error's name, requests that arrived where they were sent]."""
    return explore()


@pytest.mark.parametrize("way", [*(f"{way} 127.0.0.1" for way in WAYS), "https", "pull"])
def test_nothing_leads_from_the_internet_to_this_machine(tried: dict[str, list[object]], way: str) -> None:
    assert tried[way] == ["CredentialScope", 0]


def test_plain_http_does_not_leave_this_machine(tried: dict[str, list[object]]) -> None:
    assert tried["plain"] == ["CredentialScope", 0]


def test_an_inside_registry_leads_where_it_wants(tried: dict[str, list[object]]) -> None:
    assert tried["inside"] == ["", 2]
    assert tried["outwards"] == ["", 1]
