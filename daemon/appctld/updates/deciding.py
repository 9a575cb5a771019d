# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How far an update goes that nobody asked for. Pure; docs/background-updates.md has it as a table.

Of all that stands in the way the strictest counts, and all of it is told.
"""

from collections.abc import Iterator

from appctld.errors import Expired
from appctld.model.automatic import ORDER, Decision, Extent, Why, least
from appctld.trust.clock import check_clock
from appctld.updates.surroundings import Surroundings

CLOCK = (Extent.NONE, Why.CLOCK)  # no signature can be judged, and what fails would be told of every app
GOING_DOWN = (Extent.NONE, Why.GOING_DOWN)  # what begins now ends in the middle
CLIENT = (Extent.CHECK, Why.CLIENT)  # somebody shows what is found, and does the rest
METERED = (Extent.CHECK, Why.METERED)  # a check is some kilobytes an app
BATTERY = (Extent.CHECK, Why.BATTERY)  # to fetch and to hash is what costs power


def decide(policy: Extent, around: Surroundings, *, now: int, handled: bool) -> Decision:
    """How far it goes; `handled`: a client on the bus updates by itself. `now` is in seconds since 1970."""
    limits = [(policy, Why.POLICY), *_limits(around, now=now, handled=handled)]
    extent = least(limit for limit, _ in limits)
    keeps = sorted((limit for limit in limits if limit[0] is not Extent.INSTALL), key=_strictness)
    return Decision(extent, tuple(why for _, why in keeps))


def _limits(around: Surroundings, *, now: int, handled: bool) -> Iterator[tuple[Extent, Why]]:
    if _is_wrong(now):
        yield CLOCK
    if around.going_down:
        yield GOING_DOWN
    if handled:
        yield CLIENT
    if around.metered:
        yield METERED
    if around.on_battery:
        yield BATTERY


def _is_wrong(now: int) -> bool:
    try:
        check_clock(now)
    except Expired:
        return True
    return False


def _strictness(limit: tuple[Extent, Why]) -> int:
    return ORDER.index(limit[0])
