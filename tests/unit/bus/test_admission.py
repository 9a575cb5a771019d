# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One connection, and one user over any number of connections, leaves room for others."""

from collections.abc import Callable

import pytest

from appctld.bus.admission import CALLS, CALLS_A_SENDER, CALLS_A_UID, UNKNOWN, Admission
from appctld.bus.wire.replies import CallRefusedError

ROOT_UID = 0


def fill(count: int, enter: Callable[[int], object]) -> None:
    for number in range(count):
        enter(number)


def test_one_connection_leaves_room_for_its_users_others() -> None:
    admission = Admission([ROOT_UID])
    fill(CALLS_A_SENDER, lambda _: admission.enter(":1.1", 1000))
    with pytest.raises(CallRefusedError, match="of this connection"):
        admission.enter(":1.1", 1000)
    admission.enter(":1.2", 1000)


def test_one_user_leaves_room_for_others_over_however_many_connections() -> None:
    admission = Admission([ROOT_UID])
    fill(CALLS_A_UID, lambda number: admission.enter(f":1.{number}", 1000))
    for number in range(1000, 1000 + CALLS):
        with pytest.raises(CallRefusedError, match="of this user"):
            admission.enter(f":1.{number}", 1000)
    admission.enter(":1.1", 1001)


def test_a_call_counts_as_its_users_as_soon_as_that_is_known() -> None:
    admission = Admission([ROOT_UID])
    places = [admission.enter(f":1.{number}", None) for number in range(CALLS_A_UID + 1)]
    for place in places[:-1]:
        place.identify(1000)
        place.identify(1000)
    with pytest.raises(CallRefusedError, match="of this user"):
        places[-1].identify(1000)
    places[-1].leave()
    places[0].leave()
    admission.enter(":1.1", 1000)


def test_unknown_connections_take_no_room_from_known_ones() -> None:
    admission = Admission([ROOT_UID])
    fill(UNKNOWN, lambda number: admission.enter(f":1.{number}", None))
    with pytest.raises(CallRefusedError, match="of unknown connections"):
        admission.enter(":2.1", None)
    fill(CALLS_A_UID, lambda number: admission.enter(f":3.{number}", 1000))


def test_when_all_users_took_everything_there_is_room_for_root() -> None:
    admission = Admission([ROOT_UID])
    fill(CALLS, lambda number: admission.enter(f":1.{number}", 1000 + number % 100))
    with pytest.raises(CallRefusedError, match="of all users"):
        admission.enter(":2.1", 5000)
    admission.enter(":2.1", ROOT_UID)


def test_whoever_left_or_was_refused_takes_no_room() -> None:
    admission = Admission([ROOT_UID])
    for number in range(UNKNOWN + 1):
        place = admission.enter(":1.1" if number % 2 else f":2.{number}", None)
        place.identify(number % 7)
        place.leave()
    fill(CALLS_A_UID, lambda number: admission.enter(f":3.{number}", 1000))
    for _ in range(CALLS_A_SENDER + 1):
        with pytest.raises(CallRefusedError, match="of this user"):
            admission.enter(":4.1", 1000)
    admission.enter(":4.1", None)
