# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where log lines go: the journal, with priorities, when systemd started us; standard error otherwise.

In the journal a line about a job or an app has the fields that `about` gives it, to find it by.
"""

import logging
import os
import sys

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
DEFAULT_LEVEL = "info"
STANDARD_ERROR = 2
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
FIELDS = ("JOB", "UID", "APP", "REMOTE", "ERROR")


def about(
    *, job: int | None = None, uid: int | None = None, app: object = "", remote: object = "", error: str = ""
) -> dict[str, object]:
    """What a line is about, as the `extra` of a logger's method; what is not known has no field."""
    known = dict(zip(FIELDS, (job, uid, app, remote, error), strict=True))
    return {name: value for name, value in known.items() if value not in {None, ""}}


def chosen_level(told: str | None, environment: str) -> str:
    """The level of the command line, else that of the environment, where it is one."""
    return told or (environment if environment in LEVELS else DEFAULT_LEVEL)


def set_up(level: str) -> None:
    """Send all loggers there. Uses python3-systemd where the journal listens and the package is installed."""
    root = logging.getLogger()
    root.setLevel(LEVELS[level])
    root.addHandler(_handler(in_journal=_is_journals()))


def _is_journals() -> bool:
    """Whether standard error goes there: who started us may have sent it elsewhere (systemd.exec(5))."""
    try:
        ours = os.fstat(STANDARD_ERROR)
    except OSError:  # it is closed
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{ours.st_dev}:{ours.st_ino}"


def _handler(*, in_journal: bool) -> logging.Handler:
    if in_journal:
        try:
            from systemd.journal import JournalHandler  # noqa: PLC0415 - only where it is of use
        except ImportError:
            pass
        else:
            handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER="appctld")
            return handler
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("appctld: %(levelname)s: %(message)s")
    handler.setFormatter(_Prioritized("%(message)s") if in_journal else plain)
    return handler


class _Prioritized(logging.Formatter):
    """For a journal that reads standard error: each line begins with its priority (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        priority = next(number for level, number in PRIORITIES if record.levelno >= level)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
