# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors

import pytest

from appctld.model.digest import Digest
from appctld.model.serial import Serial

SAME, OTHER = Digest("1" * 64), Digest("2" * 64)


@pytest.mark.parametrize(
    ("settled", "number", "payload", "admitted"),
    [
        (True, 8, OTHER, True),
        (True, 7, SAME, False),
        (True, 6, OTHER, False),
        (False, 8, OTHER, True),
        (False, 7, SAME, True),  # a power cut stopped it half way
        (False, 7, OTHER, False),
        (False, 6, SAME, False),
    ],
)
def test_what_may_come_after_number_7(settled: bool, number: int, payload: Digest, admitted: bool) -> None:  # noqa: FBT001
    assert Serial(7, SAME, settled).admits(number, payload) is admitted


def test_where_two_meet_the_later_counts_and_all_that_was_revoked() -> None:
    earlier = Serial(7, SAME, settled=True, revoked=frozenset("AB"))
    later = Serial(8, OTHER, settled=False, revoked=frozenset("BC"))
    both = Serial(8, OTHER, settled=False, revoked=frozenset("ABC"))
    assert earlier.joined(later) == later.joined(earlier) == both
