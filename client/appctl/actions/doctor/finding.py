# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a check found: how bad it is, what it is, and what to type."""

from dataclasses import dataclass
from enum import StrEnum

from appctl.talk.wire import Json


class Level(StrEnum):
    """How bad. A warning is something that works, but not as it should, or not for long."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """`check` names what was looked at, always the same; `hint` is what to do, empty where all is well.

    Message and hint may hold foreign text: they are escaped where they are shown.
    """

    check: str
    level: Level
    message: str
    hint: str = ""

    def to_json(self) -> Json:
        """As it stands in the output of --json."""
        return {"check": self.check, "level": self.level.value, "message": self.message, "hint": self.hint}


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, message)


def warning(check: str, message: str, hint: str) -> Finding:
    """It works, but."""
    return Finding(check, Level.WARNING, message, hint)


def problem(check: str, message: str, hint: str) -> Finding:
    """Something does not work."""
    return Finding(check, Level.PROBLEM, message, hint)
