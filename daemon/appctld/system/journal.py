# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where log lines go: the journal, with priorities, when systemd started us; standard error otherwise.

In the journal a line about a job or an app has the fields that `about` gives it, to find it by.
"""

import logging
import os
import sys

FIELDS = ("JOB", "UID", "APP", "REMOTE", "ERROR")


def about(
    *, job: int | None = None, uid: int | None = None, app: object = "", remote: object = "", error: str = ""
) -> dict[str, object]:
    """What a line is about, as the `extra` of a logger's method; what is not known has no field."""
    known = dict(zip(FIELDS, (job, uid, app, remote, error), strict=True))
    return {name: value for name, value in known.items() if value not in {None, ""}}


def set_up(*, verbose: bool) -> None:
    """Send all loggers there. Uses python3-systemd where the journal listens and the package is installed."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.addHandler(_handler())


def _handler() -> logging.Handler:
    if os.environ.get("JOURNAL_STREAM"):
        try:
            from systemd.journal import JournalHandler  # noqa: PLC0415 - only where it is of use
        except ImportError:
            pass
        else:
            handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER="appctld")
            return handler
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("appctld: %(levelname)s: %(message)s"))
    return handler
