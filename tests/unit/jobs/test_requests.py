# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/requests.py: frozen, and options read for what they are."""

import dataclasses

import pytest

from appctld.errors import InvalidReference
from appctld.jobs.requests import (
    AnyRequest,
    CheckUpdates,
    Install,
    Prune,
    Resolve,
    Rollback,
    Uninstall,
    Update,
    flag,
    logins,
    text,
)

REQUESTS: list[tuple[AnyRequest, str, tuple[str, ...], str]] = [
    (Install(("h.io/a:1", "h.io/b:1")), "install", ("h.io/a:1", "h.io/b:1"), "Install h.io/a:1 h.io/b:1"),
    (Update(("a.b.C",)), "update", ("a.b.C",), "Update a.b.C"),
    (Update(()), "update", (), "Update"),
    (Uninstall(("a.b.C",)), "uninstall", ("a.b.C",), "Uninstall a.b.C"),
    (Rollback("a.b.C"), "rollback", ("a.b.C",), "Rollback a.b.C"),
    (Resolve("h.io/a:1"), "resolve", ("h.io/a:1",), "Resolve h.io/a:1"),
    (CheckUpdates(), "check-updates", (), "Check-updates"),
    (Prune(), "prune", (), "Prune"),
]


@pytest.mark.parametrize(("request_", "kind", "about", "title"), REQUESTS)
def test_a_request_says_what_it_is_about(
    request_: AnyRequest, kind: str, about: tuple[str, ...], title: str
) -> None:
    assert (request_.kind, request_.about, request_.title) == (kind, about, title)


@pytest.mark.parametrize("request_", [case[0] for case in REQUESTS])
def test_nothing_changes_between_authorization_and_work(request_: AnyRequest) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        request_.options = {"reinstall": True}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (False, False), (1, False), ("yes", False), (None, False)]
)
def test_a_flag_is_set_by_true_alone(value: object, *, expected: bool) -> None:
    assert flag(Prune({"dry-run": value}), "dry-run") is expected
    assert flag(Prune({"dry-run": value}), "other") is False


@pytest.mark.parametrize(("value", "expected"), [("1.0", "1.0"), ("", ""), (1, ""), (None, ""), (["x"], "")])
def test_a_text_is_a_text_or_empty(value: object, expected: str) -> None:
    assert text(Rollback("a.b.C", {"to": value}), "to") == expected
    assert text(Rollback("a.b.C"), "to") == ""


HOST = {"host": "h.io"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{**HOST, "username": "u", "password": "p"}], [{"username": "u", "password": "p"}]),
        ([{**HOST, "identity-token": "t"}], [{"identity_token": "t"}]),
        ([{**HOST, "identity-token": "t", "username": "u", "password": "p"}], [{"identity_token": "t"}]),
        ("u:p", []),
        (None, []),
    ],
)
def test_a_login_is_for_a_place(given: object, expected: object) -> None:
    found = logins(Install(("h.io/a:1",), {"registry-auth": given}))
    assert [login.secret for login in found] == expected
    assert all(login.place == "h.io" for login in found)


@pytest.mark.parametrize(
    "given",
    [
        {"username": "u", "password": "p"},
        {"host": "", "username": "u", "password": "p"},
        {**HOST, "username": "u"},
        {**HOST, "password": "p"},
        {**HOST, "username": "u", "password": 1},
        {},
        "u:p",
    ],
)
def test_a_login_that_is_not_whole_is_refused(given: object) -> None:
    with pytest.raises(InvalidReference):
        logins(Install(("h.io/a:1",), {"registry-auth": [given]}))
