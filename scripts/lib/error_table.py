# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every error in one table: name, meaning, what is said, exit code, and a cause that a test makes.

Does scripts/error-table's work. What is written comes from appctld/errors.py, appctl/exits.py and
tests/support/causes.py; what is said is what the causes made the CLI say (tests/support/told.py), or what
stood there. Text outside the markers of docs/errors.md stays as it was.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from appctl.exits import MEANINGS, TABLE, ExitCode
from appctld.errors import AppctlError, leaves
from attack_tables import between
from support.causes import CAUSES, ELSEWHERE
from support.told import Said

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
    parser.add_argument("--told", type=argparse.FileType(), help="what support.told printed")
    options = parser.parse_args()
    before = DOCUMENT.read_text()
    told = json.load(options.told) if options.told else {}
    after = filled(before, {name: Said(*texts) for name, texts in told.items()})
    if options.check:
        return int(after != before)
    DOCUMENT.write_text(after)
    return 0


def filled(text: str, told: Mapping[str, Said] = MappingProxyType({})) -> str:
    """The document with its tables as they must be, where something else was `told` with that."""
    return between(between(text, "errors", errors({**said_in(text), **told})), "exit codes", exit_codes())


def said_in(text: str) -> dict[str, Said]:
    """What the document says of each error."""
    rows = (_CELLS.split(line)[1:-1] for line in text.splitlines() if line.startswith("| `"))
    return {
        cells[0].strip("`"): Said(*(cell.strip("`").replace("\\|", "|") for cell in cells[2:4]))
        for cells in rows
    }


def errors(said: Mapping[str, Said]) -> str:
    """One table a branch of the tree, and one of the client's own."""
    parts = [
        "\n".join([f"### {_first_line(branch)}", "", *_rows(_below(branch), said)])
        for branch in AppctlError.__subclasses__()
    ]
    own = [_row(name, meaning, said) for name, meaning in CLIENTS.items()]
    return "\n\n".join([*parts, "\n".join(["### The client's own", "", *_HEAD, *own])])


def exit_codes() -> str:
    """Each exit code, what it means, and which errors lead to it."""
    lines = ["| exit code | means | errors |", "|---|---|---|"]
    for code in ExitCode:
        names = ", ".join(f"`{name}`" for name, its in TABLE.items() if its is code)
        lines.append(f"| {code.value} | {MEANINGS[code]} | {names} |")
    return "\n".join(lines)


_CELLS = re.compile(r"(?:^| )\| ?")
_HEAD = (
    "| error | means | sentence | hint | exit code | a cause that a test makes |",
    "|---|---|---|---|---|---|",
)


def _rows(kinds: Iterable[type[AppctlError]], said: Mapping[str, Said]) -> list[str]:
    return [*_HEAD, *(_row(kind.__name__, _first_line(kind), said) for kind in kinds)]


def _row(name: str, meaning: str, said: Mapping[str, Said]) -> str:
    shown = CAUSES[name].what if name in CAUSES else ELSEWHERE[name]
    texts = (f"`{text}`" if text else "" for text in said.get(name, Said("", "")))
    cells = (f"`{name}`", meaning, *texts, TABLE[name], shown)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _below(branch: type[AppctlError]) -> list[type[AppctlError]]:
    return [kind for kind in leaves().values() if issubclass(kind, branch)][::-1]


def _first_line(kind: type[AppctlError]) -> str:
    return (kind.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
