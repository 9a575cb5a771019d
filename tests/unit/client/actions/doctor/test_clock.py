# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What doctor thinks of a clock; the one of a test cannot be set."""

import pytest

from appctl.actions.doctor.clock import AHEAD, RELEASED, judged
from appctld.trust.clock import FUTURE
from appctld.trust.clock import RELEASED as DAEMONS


def test_the_client_and_the_daemon_were_released_together() -> None:
    assert (RELEASED, AHEAD) == (DAEMONS, FUTURE)


@pytest.mark.parametrize(
    ("now", "latest", "level"),
    [
        (0, 0, "problem"),
        (RELEASED - 1, 0, "problem"),
        (RELEASED, 0, "ok"),
        (RELEASED, RELEASED + AHEAD, "ok"),
        (RELEASED, RELEASED + AHEAD + 1, "warning"),
    ],
)
def test_a_clock_from_before_the_release_or_behind_what_was_written(
    now: int, latest: int, level: str
) -> None:
    assert judged(now, latest).level == level
