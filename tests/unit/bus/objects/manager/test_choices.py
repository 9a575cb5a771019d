# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people decide about an app: asked of polkit with its own values, done after its answer."""

import asyncio
import os

import pytest

from appctld.bus.caller import Caller
from appctld.errors import NotAuthorized
from appctld.model.override import parse_overrides
from support.buses.bus import ERROR, client
from support.buses.bus_service import RecordingAuthorizer, served

ID = "org.acme.Editor"
EDITORS = {"remote": "acme", "verify": "gpg", "digest": "", "reference": ID}
ROWS = [("shared", "network", "deny"), ("filesystems", "~", "allow")]
UID = os.getuid()

CALLS: list[tuple[str, str, tuple[object, ...], str, tuple[object, ...]]] = [
    ("SetHold", "sb", (ID, True), "rollback", ("hold", ID, UID, True)),
    ("SetHold", "sb", (ID, False), "rollback", ("hold", ID, UID, False)),
    ("SetPermissions", "sa(sss)", (ID, ROWS), "approve", ("override", ID, UID, parse_overrides(ROWS))),
    ("SetPermissions", "sa(sss)", (ID, []), "approve", ("override", ID, UID, ())),
]


@pytest.mark.parametrize(("member", "signature", "body", "action", "done"), CALLS)
@pytest.mark.parametrize("allowed", [True, False])
def test_a_decision_is_authorized_with_its_own_values_and_then_made(
    address: str,
    member: str,
    signature: str,
    body: tuple[object, ...],
    action: str,
    done: tuple[object, ...],
    allowed: bool,  # noqa: FBT001
) -> None:
    async def refuse() -> None:
        if not allowed:
            raise NotAuthorized("polkit does not allow it")

    authorizer = RecordingAuthorizer(before=refuse)

    async def scenario() -> None:
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            error, _ = await caller.call(member, signature, *body)
            assert authorizer.asked == [(Caller(UID, caller.name), action, EDITORS)]
            assert error == ("" if allowed else f"{ERROR}NotAuthorized")
            assert running.choices.decided == ([done] if allowed else [])

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("member", "signature", "body", "name"),
    [
        ("SetHold", "sb", ("../x", True), "InvalidReference"),
        ("GetPermissions", "s", ("x",), "InvalidReference"),
        ("SetPermissions", "sa(sss)", ("", []), "InvalidReference"),
        ("SetPermissions", "sa(sss)", (ID, [("shared", "netwrok", "deny")]), "InvalidReference"),
        ("SetPermissions", "sa(sss)", (ID, [("shared", "network", "maybe")]), "InvalidReference"),
        ("SetPermissions", "sa(sss)", (ID, [("shared", "ipc", "deny")] * 65), "LimitExceeded"),
    ],
)  # fmt: skip
def test_nobody_is_asked_about_what_makes_no_sense(
    address: str, member: str, signature: str, body: tuple[object, ...], name: str
) -> None:
    authorizer = RecordingAuthorizer()

    async def scenario() -> None:
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            error, _ = await caller.call(member, signature, *body)
            assert error == f"{ERROR}{name}"
            assert (authorizer.asked, running.choices.decided) == ([], [])

    asyncio.run(scenario())


def test_anybody_may_see_what_was_decided(address: str) -> None:
    authorizer = RecordingAuthorizer()

    async def scenario() -> None:
        async with served(address, authorizer=authorizer), client(address) as caller:
            error, (rows,) = await caller.call("GetPermissions", "s", ID)
            assert not error
            assert {key: value for key, (_, value) in rows[0].items()} == {
                "kind": "shared", "value": "network", "risk": "", "asked": True, "approved": True,
                "override": "deny", "by": 0, "when": 1,
            }  # fmt: skip
            assert authorizer.asked == []

    asyncio.run(scenario())


@pytest.mark.parametrize(("member", "signature", "body", "action", "done"), CALLS)
def test_a_yes_is_about_the_app_that_was_told(
    address: str, member: str, signature: str, body: tuple[object, ...], action: str, done: object
) -> None:
    async def scenario() -> None:
        async def replace() -> None:
            running.apps.apps[ID]["remote"] = "other"

        authorizer = RecordingAuthorizer(before=replace)
        async with served(address, authorizer=authorizer) as running, client(address) as caller:
            error, _ = await caller.call(member, signature, *body)
            assert error == f"{ERROR}NotAuthorized"
            assert running.choices.decided == []

    asyncio.run(scenario())
