# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The share of a disk that stays free: workers that do not know each other, and the client, have one."""

from appctl.actions.doctor import space as doctor
from appctld.workers.fetch.layout import spool
from appctld.workers.pull import bounds
from appctld.workers.store import space


def test_everybody_leaves_the_same_share_free() -> None:
    shares = {module.RESERVE_PERCENT for module in (doctor, spool, bounds, space)}
    assert shares == {3}
