# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every error in one table: its name, what it means, its hint and exit code, and a cause that a test makes.

Does scripts/error-table's work. What is written comes from appctld/errors.py, appctl/exits.py and
tests/support/causes.py; text outside the markers of docs/errors.md stays as it was.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from appctl.exits import MEANINGS, TABLE, ExitCode
from appctld.errors import AppctlError, leaves
from attack_tables import between
from support.causes import CAUSES, ELSEWHERE

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/errors.md"
CLIENTS = {  # errors that never cross the bus: what they mean
    "Usage": "A command line, or an answer to a question, that cannot be acted on.",
    "DaemonUnavailable": "There is no daemon on the bus, or no bus.",
    "RunFailed": "`run` could not start the app.",
}


def main() -> int:
    """Write the tables, or compare; the exit code."""
    parser = argparse.ArgumentParser(prog="error-table")
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    before = DOCUMENT.read_text()
    after = filled(before)
    if check:
        return int(after != before)
    DOCUMENT.write_text(after)
    return 0


def filled(text: str) -> str:
    """The document with its tables as they must be."""
    return between(between(text, "errors", errors()), "exit codes", exit_codes())


def errors() -> str:
    """One table a branch of the tree, and one of the client's own."""
    parts = [
        "\n".join([f"### {_first_line(branch)}", "", *_rows(_below(branch))])
        for branch in AppctlError.__subclasses__()
    ]
    own = [_row(name, meaning, "", "") for name, meaning in CLIENTS.items()]
    return "\n\n".join([*parts, "\n".join(["### The client's own", "", *_HEAD, *own])])


def exit_codes() -> str:
    """Each exit code, what it means, and which errors lead to it."""
    lines = ["| exit code | means | errors |", "|---|---|---|"]
    for code in ExitCode:
        names = ", ".join(f"`{name}`" for name, its in TABLE.items() if its is code)
        lines.append(f"| {code.value} | {MEANINGS[code]} | {names} |")
    return "\n".join(lines)


_HEAD = (
    "| error | means | sentence | hint | exit code | a cause that a test makes |",
    "|---|---|---|---|---|---|",
)


def _rows(kinds: Iterable[type[AppctlError]]) -> list[str]:
    rows = [_row(kind.__name__, _first_line(kind), kind.sentence, kind.hint) for kind in kinds]
    return [*_HEAD, *rows]


def _row(name: str, meaning: str, sentence: str, hint: str) -> str:
    shown = CAUSES[name].what if name in CAUSES else ELSEWHERE[name]
    said = "" if sentence in {"", "{detail}"} else f"`{sentence}`"
    cells = (f"`{name}`", meaning, said, f"`{' '.join(hint.split())}`" if hint else "", TABLE[name], shown)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _below(branch: type[AppctlError]) -> list[type[AppctlError]]:
    return [kind for kind in leaves().values() if issubclass(kind, branch)][::-1]


def _first_line(kind: type[AppctlError]) -> str:
    return (kind.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
