# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line of what keeps machines as they should be, and watches them, with nobody at them."""

import argparse
import re
import time
from collections.abc import Callable

APPLY = (
    "Install the apps that the files of apps.d name and that are missing, and hold those that they say. "
    "Nobody is asked, and no update is looked for."
)
METRICS = "Write numbers about the apps of one scope, as Prometheus' node-exporter reads them from a file."
_AGE = "([1-9][0-9]{0,4})([mhd])"  # as max-age= of a remote; a pattern, compiled only when it is needed
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
AUTOMATIC = (
    "Say how far updates go that nobody asks for, as the timer makes them every day, and how the last ones "
    "went; or decide it."
)
POLICIES = ["none", "check", "download", "install"]
MONITOR = "Tell what happens, as it happens, until you end it; with --json a document a line."


def add_fleet_commands(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Add them with what makes a command."""
    apply = command("apply", "apply.apply:apply", APPLY)
    apply.add_argument(
        "place",
        nargs="?",
        metavar="FILE|DIR",
        help="instead of /etc/appctl/apps.d (--user: ~/.config/appctl/apps.d)",
    )
    apply.add_argument(
        "--prune", action="store_true", help="remove the apps that no file names; never data, never runtimes"
    )
    apply.add_argument("--dry-run", action="store_true", help="only say what would be done")
    command("metrics", "metrics.metrics:metrics", METRICS).add_argument(
        "file", metavar="FILE|-", help="replaced in one piece; - is standard output"
    )
    automatic = command("automatic", "lifecycle.automatic:automatic", AUTOMATIC)
    automatic.add_argument(
        "policy", nargs="?", choices=POLICIES, help="from now on; each does what the ones before it do, too"
    )
    command("monitor", "queries.monitor:monitor", MONITOR)


def add_history(history: argparse.ArgumentParser) -> None:
    """Give `history` its options."""
    history.add_argument("--failed", action="store_true", help="only what failed or was cancelled, and why")
    history.add_argument(
        "--since",
        metavar="DATE|AGE",
        type=_moment,
        default=0,
        help="2026-11-20, or how long ago: 90m, 12h, 30d",
    )
    history.add_argument("--limit", metavar="N", type=_count, default=0, help="how many at most")


def _moment(text: str) -> int:
    """Seconds since 1970 of a local date's beginning, or so long ago."""
    if age := re.fullmatch(_AGE, text):
        return max(1, int(time.time()) - int(age[1]) * _SECONDS[age[2]])
    try:
        return max(1, int(time.mktime(time.strptime(text, "%Y-%m-%d"))))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date (2026-11-20) and no age (90m, 12h, 30d)"
        ) from None


def _count(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)
