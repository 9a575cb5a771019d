# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Overrides name permissions that an image could be granted, in the one way of several to write them."""

import pytest

from appctld.errors import InvalidReference, LimitExceeded
from appctld.model.override import OVERRIDES, parse_overrides

GOOD = [
    ("shared", "network", "network"),
    ("filesystems", "~", "home"),
    ("filesystems", "home/Documents:rw", "~/Documents"),
    ("filesystems", "xdg-documents", "xdg-documents"),
    ("session-bus", "org.a.B:talk", "org.a.B:talk"),
    ("system-bus", "org.a.*:see", "org.a.*:see"),
    ("devices", "dri", "dri"),
]


@pytest.mark.parametrize(("kind", "text", "value"), GOOD)
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_permission_is_written_in_one_way(kind: str, text: str, value: str, decision: str) -> None:
    (override,) = parse_overrides([(kind, text, decision)])
    assert (override.permission.kind, override.permission.value) == (kind, value)
    assert override.decision == decision


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("shared", "netwrok"),
        ("shared", ""),
        ("shared", "network;ipc"),
        ("shared", "!network"),
        ("nothing", "network"),
        ("persistent", "."),
        ("unset-environment", "A"),
        ("filesystems", "../x"),
        ("filesystems", "home:rx"),
        ("filesystems", "host:reset"),
        ("filesystems", "~/a\nb"),
        ("session-bus", "org.freedesktop.systemd1:talk"),
        ("session-bus", "org.a.B:none"),
        ("session-bus", "org.a.B"),
        ("sockets", "session-bus"),
    ],
)
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_what_no_app_can_have_is_neither_allowed_nor_denied(kind: str, value: str, decision: str) -> None:
    with pytest.raises(InvalidReference):
        parse_overrides([(kind, value, decision)])


@pytest.mark.parametrize("decision", ["", "Allow", "approve", "ask"])
def test_there_are_two_decisions(decision: str) -> None:
    with pytest.raises(InvalidReference, match="neither allow nor deny"):
        parse_overrides([("shared", "network", decision)])


@pytest.mark.parametrize("value", ["home:ro", "~/x:create"])
def test_a_place_is_allowed_with_a_mode_and_denied_without(value: str) -> None:
    parse_overrides([("filesystems", value, "allow")])
    with pytest.raises(InvalidReference, match="as a whole"):
        parse_overrides([("filesystems", value, "deny")])


def test_one_permission_is_not_both_allowed_and_denied() -> None:
    rows = [("filesystems", "home", "allow"), ("filesystems", "~/", "deny")]
    with pytest.raises(InvalidReference, match="both"):
        parse_overrides(rows)
    assert len(parse_overrides([rows[0], rows[0]])) == 1


def test_there_is_a_limit() -> None:
    rows = [("filesystems", f"/srv/{number}", "deny") for number in range(OVERRIDES)]
    assert len(parse_overrides(rows)) == OVERRIDES
    with pytest.raises(LimitExceeded):
        parse_overrides([*rows, ("shared", "network", "deny")])
