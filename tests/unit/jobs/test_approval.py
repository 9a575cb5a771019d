# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who grants what an image asks for: exactly the set that was shown, or all that is asked."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from appctld.errors import NeedsApproval
from appctld.jobs.install import check_approved
from appctld.jobs.requests import Update
from appctld.jobs.update import _check_approved
from appctld.model.context import LEAVES, LIMITED
from appctld.model.permissions import Permission, permissions_hash
from appctld.pipeline.stages import Planned
from support.records import RECORD

NETWORK, DISPLAY = Permission("shared", "network", LEAVES), Permission("sockets", "wayland", LIMITED)


@pytest.mark.parametrize(
    ("asked", "approved"),
    [((), ()), ((NETWORK,), (NETWORK,)), ((NETWORK,), (DISPLAY, NETWORK)), ((), (NETWORK,))],
)
def test_what_was_approved_needs_no_other_word(
    asked: tuple[Permission, ...], approved: tuple[Permission, ...]
) -> None:
    check_approved(asked, approved, accepted=False)


def test_what_is_new_is_named() -> None:
    with pytest.raises(NeedsApproval, match="sockets=wayland") as caught:
        check_approved((NETWORK, DISPLAY), (NETWORK,), accepted=False)
    assert caught.value.data["permissions"] == ["sockets=wayland"]
    check_approved((NETWORK, DISPLAY), (NETWORK,), accepted=True)


SHOWN = permissions_hash((NETWORK,))


@pytest.mark.parametrize(
    ("options", "granted"),
    [
        ({}, False),
        ({"accept-permissions": True}, True),
        ({"permissions-hashes": (SHOWN,)}, True),
        ({"permissions-hashes": ["other", SHOWN]}, True),
        ({"permissions-hashes": (permissions_hash((DISPLAY,)),)}, False),
        ({"permissions-hashes": SHOWN}, False),
    ],
)
def test_an_update_grants_the_set_that_was_shown_and_no_other(
    options: dict[str, object],
    granted: bool,  # noqa: FBT001
) -> None:
    planned = cast("Planned", SimpleNamespace(permissions=(NETWORK,), version="2"))
    current = replace(RECORD, permissions=())
    if granted:
        _check_approved(planned, current, Update((), options))
        return
    with pytest.raises(NeedsApproval) as caught:
        _check_approved(planned, current, Update((), options))
    assert (caught.value.data["app"], caught.value.data["permissions_hash"]) == (RECORD.id, SHOWN)
