# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/catalog/shelf.py: which catalogues count, as remotes come, change and go."""

from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.remote import Remote, make_remote
from appctld.jobs.catalog.shelf import counting, lists_apps, under
from appctld.model.digest import Digest
from appctld.state.catalogs import Known


def made(name: str = "acme", **settings: str) -> Remote:
    words = {"url": f"quay.io/{name}", **settings}
    return make_remote(name, words, keyring=b"keys", ca=None, origin=Path("/"), writable=True)


ACME = made()
HERE = Known(5, under(ACME), Digest("1" * 64), signed=True)


def test_a_catalogue_counts_for_the_remote_that_it_was_verified_under() -> None:
    assert counting([ACME], {"acme": HERE, "gone": HERE}) == {"acme": HERE}
    assert counting([ACME], {}) == counting([ACME], {"acme": Known(5, under(ACME))}) == {}


@pytest.mark.parametrize(
    "changed",
    [
        made(ids="org.acme.*"),
        made(url="quay.io/other"),
        made(catalog="other"),
        made(verify="none"),
        made(identity="repository"),
        made(enabled="no"),
        made(catalog="no"),
        replace(ACME, keyring=b"other keys"),
        replace(ACME, deny_keys=frozenset({"E" * 40})),
        replace(ACME, fingerprints=frozenset({"E" * 40})),
        replace(ACME, threshold=2),
    ],
)
def test_a_remote_that_trusts_otherwise_has_no_catalogue_until_it_is_asked_again(changed: Remote) -> None:
    assert counting([changed], {"acme": HERE}) == {}


def test_what_says_nothing_about_trust_changes_nothing() -> None:
    assert under(made(title="Acme", share="no")) == under(ACME)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, True),
        ({"verify": "none"}, True),
        ({"verify": "digest"}, False),
        ({"catalog": "no"}, False),
        ({"enabled": "no"}, False),
    ],
)
def test_who_is_asked_for_a_catalogue(settings: dict[str, str], *, asked: bool) -> None:
    assert lists_apps(made(**settings)) is asked
