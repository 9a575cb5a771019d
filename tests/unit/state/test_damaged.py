# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What checks found of deployments: what stays known, what is news, and what is forgotten."""

from pathlib import Path

import pytest

from appctld.state.damaged import damaged, forget_damaged, remember_damaged
from appctld.state.paths import Paths

A1, A2, B1 = "org.acme.A/1", "org.acme.A/2", "org.acme.B/1"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Three deployments of two apps, of which one each is damaged."""
    paths = Paths(tmp_path)
    for name in (A1, A2, B1):
        (paths.apps / name).mkdir(parents=True)
    assert remember_damaged(paths, {A1, A2, B1}, {B1: "UntrustedSigner", A1: "RepoCorrupt"}) == [
        "org.acme.A",
        "org.acme.B",
    ]
    return paths


def test_only_what_is_other_than_before_is_news(paths: Paths) -> None:
    before = paths.damaged.stat().st_ino
    assert remember_damaged(paths, {A1, A2}, {A1: "RepoCorrupt"}) == []
    assert paths.damaged.stat().st_ino == before, "nothing is written for it"
    assert remember_damaged(paths, {A1}, {A1: "UntrustedSigner"}) == ["org.acme.A"]
    assert remember_damaged(paths, {A1}, {}) == ["org.acme.A"]
    assert damaged(paths) == {B1: "UntrustedSigner"}


def test_of_what_was_not_looked_at_stays_what_is_there(paths: Paths) -> None:
    (paths.apps / A1).rmdir()
    assert remember_damaged(paths, {A2}, {}) == ["org.acme.A"]
    assert damaged(paths) == {B1: "UntrustedSigner"}


def test_what_is_installed_no_longer_is_forgotten(paths: Paths) -> None:
    forget_damaged(paths, ["org.acme.A", "org.acme"])
    assert damaged(paths) == {B1: "UntrustedSigner"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"damaged": {"org.acme.A/1": 1}}'])
def test_what_cannot_be_read_says_nothing(paths: Paths, text: str) -> None:
    paths.damaged.write_text(text)
    assert damaged(paths) == {}
    remember_damaged(paths, {A1}, {A1: "RepoCorrupt"})
    assert damaged(paths) == {A1: "RepoCorrupt"}
