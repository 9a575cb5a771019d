# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What counts as approved: what was approved before, or the very set that was shown."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from appctld.errors import NeedsApproval
from appctld.model.permissions import Permission, parse_permission, permissions_hash
from appctld.pipeline.admission.approval import check_asked, unapproved
from appctld.pipeline.plans import Plan
from support.buses.records import RECORD

HOME, HOME_READ, NETWORK = (
    parse_permission(kind, value)
    for kind, value in (("filesystems", "home"), ("filesystems", "home:ro"), ("shared", "network"))
)


def plan(*, installed: bool = True) -> Plan:
    current = replace(RECORD, permissions=()) if installed else None
    facts = {"id": RECORD.id, "digest": RECORD.image_digest, "version": "2", "current": current}
    return cast("Plan", SimpleNamespace(**facts))


@pytest.mark.parametrize(
    ("asked", "approved", "new"),
    [
        ((), (), ()),
        ((HOME,), (), (HOME,)),
        ((HOME, NETWORK), (HOME,), (NETWORK,)),
        ((HOME_READ,), (HOME,), ()),
        ((HOME,), (HOME_READ,), (HOME,)),
    ],
)
def test_what_is_less_than_was_approved_is_not_new(
    asked: tuple[Permission, ...], approved: tuple[Permission, ...], new: tuple[Permission, ...]
) -> None:
    assert unapproved(asked, approved) == new


@pytest.mark.parametrize(
    ("accepted", "granted"),
    [
        ({permissions_hash((HOME, NETWORK))}, True),
        ({permissions_hash((NETWORK, HOME)), "other"}, True),
        ({permissions_hash((NETWORK,))}, False),
        ({permissions_hash(())}, False),
        (set(), False),
    ],
)
def test_only_the_whole_set_is_accepted(accepted: set[str], granted: bool) -> None:  # noqa: FBT001
    if granted:
        check_asked(plan(), (HOME, NETWORK), (HOME,), accepted)
        return
    with pytest.raises(NeedsApproval) as caught:
        check_asked(plan(), (HOME, NETWORK), (HOME,), accepted)
    error = caught.value
    assert ("other permissions than were shown" in error.message) is bool(accepted)
    assert error.data["permissions"] == ["shared=network"]
    assert error.data["asked"] == ["filesystems=home", "shared=network"]
    assert error.data["permissions_hash"] == permissions_hash((HOME, NETWORK))
    assert (error.data["app"], error.data["digest"]) == (RECORD.id, str(RECORD.image_digest))


@pytest.mark.parametrize("installed", [True, False])
def test_what_still_runs_is_said_where_something_does(*, installed: bool) -> None:
    with pytest.raises(NeedsApproval) as caught:
        check_asked(plan(installed=installed), (HOME,), (), ())
    assert ("note" in caught.value.data) is installed


def test_what_asks_for_nothing_new_needs_nothing_given_back() -> None:
    check_asked(plan(), (HOME_READ,), (HOME,), {"other"})
    check_asked(plan(), (), (), ())
