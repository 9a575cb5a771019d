# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line of what keeps many machines alike, and watches them: apply, metrics, monitor."""

import argparse
from collections.abc import Callable

APPLY = (
    "Install the apps that the files of apps.d name and that are missing, and hold those that they say. "
    "Nobody is asked, and no update is looked for."
)
METRICS = "Write numbers about the apps of one scope, as Prometheus' node-exporter reads them from a file."
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
    command("monitor", "monitor:monitor", MONITOR)
