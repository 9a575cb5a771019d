# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The one exception of the client, and how it is told.

A Failure is an error of the bus, or one of the client's own: Usage (the command line), DaemonUnavailable,
RunFailed (`run` could not start the app). Everything in it may be foreign text; it is escaped here.
"""

from collections.abc import Mapping
from typing import TextIO

from appctl.exits import ExitCode, exit_code
from appctl.talk.wire import JsonValue, get_str, get_strings
from appctl.terminal.show import Palette, escape, note

UNWRITABLE = "may you write there, and is there room?"
UNREADABLE = "is the path right, and may you read it?"
SMALLER = "the limit is fixed: what is too large has to be made smaller where it comes from"


class Failure(Exception):
    """`name` is an error name without prefix; `message` one sentence; `details` as Job.ErrorDetails.

    `code` is the exit code that docs/rules.md promises for the name, unless another is given (`run` has
    its own).
    """

    def __init__(
        self,
        name: str,
        message: str,
        hint: str = "",
        details: Mapping[str, JsonValue] | None = None,
        code: ExitCode | None = None,
    ) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.hint = hint
        self.details = dict(details or {})
        self.code = exit_code(name) if code is None else code

    def to_json(self) -> dict[str, JsonValue]:
        """As it stands in the output of --json."""
        return {"name": self.name, "message": self.message, "hint": self.hint, "details": self.details}


class Declined(Failure):
    """A person's own no: nothing went wrong, and nothing is said in red."""

    def __init__(self, message: str = "Nothing was changed.", name: str = "Cancelled") -> None:
        super().__init__(name, message)


class Unanswered(Failure):
    """Nobody is there to answer a question, which the next one would have, too."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__("Usage", message, hint)


def usage(message: str, hint: str = "") -> Failure:
    """Make the Failure for a command line, or an answer, that cannot be acted on."""
    return Failure("Usage", message, hint)


def tell(failure: Failure, stream: TextIO, palette: Palette, *, verbose: bool = False) -> None:
    """Print what happened, what was found and where we looked, and what to do next.

    With `verbose` also its name, and all that is known about it.
    """
    if isinstance(failure, Declined):
        note(escape(failure.message), stream=stream)
        return
    lines = [f"{palette.red('error:')} {escape(failure.message or failure.name)}"]
    lines += [f"  {line}" for line in _details(failure)]
    lines += [f"  {line}" for line in _everything(failure)] if verbose else []
    if failure.hint:
        lines.append(f"{palette.bold('hint:')} {escape(failure.hint)}")
    note(*lines, stream=stream)


def _everything(failure: Failure) -> list[str]:
    facts = {"error": failure.name, **failure.details}
    return [f"{escape(key)}: {escape(str(value))}" for key, value in facts.items() if value not in ("", [])]


def _details(failure: Failure) -> list[str]:
    looked_at = get_strings(failure.details, "looked-at")
    trusted = get_strings(failure.details, "trusted")
    remark = escape(get_str(failure.details, "note"))
    lines = [f"looked at {', '.join(map(escape, looked_at))}"] if looked_at else []
    if trusted:
        lines.append(f"trusted: {', '.join(map(escape, trusted))}. {remark}".rstrip())
    elif remark:
        lines.append(remark)
    return lines
