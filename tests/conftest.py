# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What holds for every test: no hypothesis database in the checkout, and no skips where all must be shown.

With CI set in the environment a skipped test fails the run: a missing peer there is a fault of the set-up.
With APPCTL_SLICE a part of each campaign is tried (support/campaigns.py).
"""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

from support.campaigns import is_tried

pytest_plugins = ["support.fixtures"]

hypothesis.settings.register_profile(
    "appctl",
    database=None,  # the checkout is not the test user's to write
    deadline=None,  # two cores shared with real registries: a slow example is no wrong one
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # for the same reason
    print_blob=True,
)
hypothesis.settings.load_profile("appctl")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a shell in whose background we are
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that are interrupted must hear it
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # of nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not of this slice."""
    number = os.environ.get("APPCTL_SLICE")
    if number:
        config.hook.pytest_deselected(items=[one for one in items if not is_tried(one.nodeid, int(number))])
        items[:] = [one for one in items if is_tried(one.nodeid, int(number))]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn skips into a failure where CI is set; the workers of xdist only report."""
    if not os.environ.get("CI") or hasattr(session.config, "workerinput") or exitstatus != pytest.ExitCode.OK:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
