# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Object paths."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.bus.wire.paths import app_path, escape, parents


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("acme", "acme"),
        ("org.acme.Ed-it", "org_2eacme_2eEd_2dit"),
        ("7zip", "_37zip"),
        ("a_b", "a_5fb"),
        ("", "_"),
    ],
)
def test_escape(name: str, escaped: str) -> None:
    assert escape(name) == escaped


def unescape(component: str) -> str:
    """The name that `escape` made this of, as sd-bus reads it."""
    if component == "_":
        return ""
    raw = re.sub(r"_([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), component)
    return raw.encode("latin-1").decode()


@given(st.text(max_size=40))
def test_escape_is_reversible_and_safe(name: str) -> None:
    assert unescape(escape(name)) == name
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", escape(name))


def test_parents_end_at_the_root() -> None:
    assert parents(app_path("x.y"))[-4:] == ["/org/appctl/Installer1", "/org/appctl", "/org", "/"]
