# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/searching/claims.py: who is before whom, where an ID is listed by several remotes."""

import pytest

from appctld.workers.store.catalog.searching.claims import Claims

ID = "org.acme.Editor"


def first(installed: str = "", **ids: str) -> str:
    """Whose the ID is among remotes that use what is given; "" is anything."""
    patterns = {remote: words.split() for remote, words in ids.items()}
    claims = Claims(patterns, {ID: installed} if installed else {})
    return min(ids, key=lambda remote: claims.rank(remote, ID))


def test_who_has_it_installed_then_who_uses_it_then_the_name() -> None:
    assert first(aaa="", acme="", beta="") == "aaa"
    assert first(aaa="", acme="com.x org.acme.editor") == "aaa"
    assert first(aaa="", acme="com.x org.acme.*", beta="org.acme.Editor") == "acme"
    assert first("beta", aaa="", acme="org.acme.*", beta="") == "beta"
    assert first("gone", aaa="", acme="") == "aaa"


@pytest.mark.parametrize("everything", ["*", "**", "*.*", "*.*.*"])
def test_who_uses_everything_says_nothing_about_it(everything: str) -> None:
    assert first(aaa=everything, acme="org.*") == "acme"


def test_what_is_installed_from_elsewhere_is_anothers() -> None:
    claims = Claims({}, {ID: "acme"})
    assert [claims.is_others(remote, ID) for remote in ("acme", "beta")] == [False, True]
    assert not claims.is_others("beta", "org.acme.Tool")
