# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How far an update goes that nobody asked for: every fact alone, and the strictest of several."""

import pytest

from appctld.model.automatic import Decision, Extent, Why, least
from appctld.trust.clock import RELEASED
from appctld.updates.deciding import decide
from appctld.updates.surroundings import Surroundings

NOW = RELEASED + 1
NONE, CHECK, DOWNLOAD, INSTALL = Extent
QUIET = Surroundings()


@pytest.mark.parametrize("policy", Extent)
def test_where_nothing_is_known_it_goes_as_far_as_the_policy(policy: Extent) -> None:
    why = () if policy is INSTALL else (Why.POLICY,)
    assert decide(policy, QUIET, now=NOW, handled=False) == Decision(policy, why)


@pytest.mark.parametrize(
    ("around", "extent", "why"),
    [
        (Surroundings(metered=True), CHECK, Why.METERED),
        (Surroundings(on_battery=True), CHECK, Why.BATTERY),
        (Surroundings(going_down=True), NONE, Why.GOING_DOWN),
    ],
)
def test_what_the_machine_says_goes_before_the_policy(around: Surroundings, extent: Extent, why: Why) -> None:
    assert decide(INSTALL, around, now=NOW, handled=False) == Decision(extent, (why,))


def test_a_client_that_handles_updates_does_the_rest() -> None:
    assert decide(INSTALL, QUIET, now=NOW, handled=True) == Decision(CHECK, (Why.CLIENT,))


@pytest.mark.parametrize(("now", "extent"), [(0, NONE), (RELEASED - 1, NONE), (RELEASED, INSTALL)])
def test_by_a_clock_that_cannot_be_right_nothing_is_judged(now: int, extent: Extent) -> None:
    assert decide(INSTALL, QUIET, now=now, handled=False).extent is extent


def test_of_several_the_strictest_counts_and_all_are_told() -> None:
    around = Surroundings(metered=True, going_down=True)
    decision = decide(DOWNLOAD, around, now=NOW, handled=False)
    assert decision == Decision(NONE, (Why.GOING_DOWN, Why.METERED, Why.POLICY))


def test_no_policy_is_widened() -> None:
    assert decide(NONE, Surroundings(metered=True), now=NOW, handled=True).extent is NONE


def test_the_least_of_several() -> None:
    assert least([INSTALL, CHECK, DOWNLOAD]) is CHECK
