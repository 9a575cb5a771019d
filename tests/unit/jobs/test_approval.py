# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who grants what an image asks for: exactly the set that was shown, and nothing else."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from appctld.errors import NeedsApproval
from appctld.jobs.approval import asked_set, asks_newly, check_approved
from appctld.jobs.requests import Update
from appctld.model.context import LEAVES, LIMITED
from appctld.model.permissions import Permission
from appctld.pipeline.stages import Planned
from support.buses.records import RECORD
from support.worlds.approving import hash_of

NETWORK, DISPLAY = Permission("shared", "network", LEAVES), Permission("sockets", "wayland", LIMITED)
SHOWN, OTHER = hash_of("shared=network"), hash_of("sockets=wayland")


def asking(*permissions: Permission) -> Planned:
    facts = {"id": RECORD.id, "digest": RECORD.image_digest, "version": "2", "permissions": permissions}
    return cast("Planned", SimpleNamespace(**facts, current=replace(RECORD, permissions=())))


@pytest.mark.parametrize(
    ("asked", "approved"),
    [((), ()), ((NETWORK,), (NETWORK,)), ((NETWORK,), (DISPLAY, NETWORK)), ((), (NETWORK,))],
)
def test_what_was_approved_needs_no_other_word(
    asked: tuple[Permission, ...], approved: tuple[Permission, ...]
) -> None:
    check_approved(asking(*asked), Update(()), approved)


def test_what_is_new_is_named_and_the_whole_set_is_to_be_given_back() -> None:
    with pytest.raises(NeedsApproval, match="sockets=wayland") as caught:
        check_approved(asking(NETWORK, DISPLAY), Update(()), (NETWORK,))
    data = caught.value.data
    assert (data["permissions"], data["app"]) == (["sockets=wayland"], RECORD.id)
    assert data["permissions_hash"] == hash_of("shared=network", "sockets=wayland")
    assert (data["digest"], data["note"]) == (str(RECORD.image_digest), f"{RECORD.version} still runs.")
    options = {"accept-permissions": data["permissions_hash"]}
    check_approved(asking(NETWORK, DISPLAY), Update((), options), (NETWORK,))


@pytest.mark.parametrize(
    ("given", "granted"),
    [
        (SHOWN, True),
        ((OTHER, SHOWN), True),
        ([OTHER, SHOWN], True),
        (None, False),
        ("", False),
        (True, False),
        (OTHER, False),
        ([], False),
        ([OTHER], False),
        (SHOWN[:-1], False),
        (list(SHOWN), False),
    ],
)
def test_the_set_that_was_shown_is_granted_and_no_other(
    given: object,
    granted: bool,  # noqa: FBT001
) -> None:
    request = Update((), {"accept-permissions": given})
    if granted:
        check_approved(asking(NETWORK), request)
        return
    with pytest.raises(NeedsApproval):
        check_approved(asking(NETWORK), request)


@pytest.mark.parametrize("place", ["/srv/wow!", "/srv/a=b", "/srv/\u200bx", "/srv/\u202ex", "/srv/x:ro"])
def test_whatever_letters_a_place_has_it_can_be_shown_and_approved(place: str) -> None:
    wish = Permission("filesystems", place, LEAVES)
    with pytest.raises(NeedsApproval) as caught:
        check_approved(asking(wish), Update(()))
    assert asks_newly(caught.value) == (wish,)
    assert asked_set(caught.value)["permissions"] == [wish.to_json()]
