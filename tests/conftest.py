# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What holds for every test: no hypothesis database in the checkout, parts of campaigns, a closing summary.

With CI set in the environment a skipped test fails the run: a missing peer there is a fault of the set-up.
With APPCTL_SLICE a part of each campaign is tried (support/campaigns.py).
"""

from __future__ import annotations

import os
import signal
from typing import Any

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

LEFT_OUT = pytest.StashKey[int]()  # how many tests of campaigns are not of this part


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a shell in whose background we are
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that are interrupted must hear it
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # of nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of campaigns that are not of this part."""
    number = os.environ.get("APPCTL_SLICE")
    if not number:
        return
    left_out = [item for item in items if not is_tried(item.nodeid, int(number))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if is_tried(item.nodeid, int(number))]
    config.stash[LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):  # of an xdist worker, for `pytest_testnodedown`
        config.workeroutput["left_out"] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - xdist has no types
    """Take over what a worker of xdist left out; each of them collects all tests."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn skips into a failure where CI is set; the workers of xdist only report."""
    if not os.environ.get("CI") or hasattr(session.config, "workerinput") or exitstatus != pytest.ExitCode.OK:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what did not run and why, and what to do about a test that failed."""
    stats = terminalreporter.stats
    lines = []
    if left_out := config.stash.get(LEFT_OUT, 0):
        lines.append(
            f"Not run: {left_out} tests of slow campaigns, which other commits run; "
            "`scripts/test --full` runs all of them."
        )
    if skipped := len(stats.get("skipped", ())):
        consequence = ", and CI is set: that is a failure" if os.environ.get("CI") else ""
        lines.append(f"Skipped: {skipped}, each with its reason above{consequence}.")
    if failed := stats.get("failed", []) + stats.get("error", []):
        lines.append(f"Failed: {len(failed)}. To run one of them alone: scripts/test '{failed[0].nodeid}'")
    if lines:
        terminalreporter.section("what this run shows")
        terminalreporter.write("".join(f"{line}\n" for line in lines))
