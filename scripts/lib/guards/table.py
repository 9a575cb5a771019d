# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What came of removing guards, as a table in Markdown: guard, file, and the test that turned red."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from guards.work import Result


def markdown(results: Sequence[Result], equivalent: Mapping[str, str]) -> str:
    """The whole table, and below it what was left out and why."""
    held = sum(result.red is not None for result in results)
    lines = [f"{held} of {len(results)} guards are held by a test.", ""]
    lines += ["| guard | file | test that turned red |", "|---|---|---|"]
    lines += [_row(result) for result in results]
    if equivalent:
        lines += ["", "Removing these changes nothing that anybody could see:", ""]
        lines += [f"- {_code(name)}: {reason}" for name, reason in equivalent.items()]
    return "\n".join(lines) + "\n"


def _row(result: Result) -> str:
    guard = result.guard
    what = f"{guard.place}: {guard.text}" + (f" #{guard.number}" if guard.number > 1 else "")
    return f"| {_code(what)} | {guard.file} | {_test(result.red) if result.red else '**none**'} |"


def _test(name: str) -> str:
    """A test's file and name; its parameters are of no interest."""
    path, _, test = name.partition("::")
    return _code(f"{PurePath(path).name}::{test.partition('[')[0]}" if test else name)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"
