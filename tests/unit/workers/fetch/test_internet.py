# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry on the Internet cannot make us ask anything inside, tried with real connections."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def tried() -> dict[str, list[object]]:
    """What each attempt ended with: [the error's name, requests that arrived where they were sent]."""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "support.internet"],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'daemon'}:{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        check=True,
    )
    results: dict[str, list[object]] = json.loads(done.stdout)
    return results


@pytest.mark.parametrize("way", ["redirect", "realm", "lookaside", "https"])
def test_nothing_leads_from_the_internet_to_this_machine(tried: dict[str, list[object]], way: str) -> None:
    assert tried[way] == ["CredentialScope", 0]


def test_plain_http_does_not_leave_this_machine(tried: dict[str, list[object]]) -> None:
    assert tried["plain"] == ["CredentialScope", 0]


def test_an_inside_registry_leads_where_it_wants(tried: dict[str, list[object]]) -> None:
    assert tried["inside"] == ["", 2]
    assert tried["outwards"] == ["", 1]
