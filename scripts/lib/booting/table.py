# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The table of docs/boot-test.md: every check of scripts/boot-test, and where it passed.

table.py DIRECTORY DOCUMENT      DIRECTORY holds SUITE.passed, what a run printed in which nothing
                                      failed, and perhaps SUITE-machine.passed

Guarantees: a check stands in the table because a run says so, once, in the order of the runs; a suite without
a run is an error, and no empty column; a machine, which takes long, may be left out.
"""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from attack_tables import between

SUITES = ("bookworm", "trixie")
_PASSED = "ok      "
_LAST = re.compile(r"^boot-test (.+): .* in (\d+) s$", re.MULTILINE)


def passed(output: str) -> list[str]:
    """The sentences of the checks that passed."""
    return [line.removeprefix(_PASSED) for line in output.splitlines() if line.startswith(_PASSED)]


def seconds(output: str) -> str:
    """How long the whole run took, in words; the run says it last."""
    (found,) = _LAST.findall(output)
    what, taken = found
    return f"{what} in {taken} s"


def table(outputs: dict[str, str]) -> str:
    """Rows in the order of the runs; of a check that one suite has alone, where it was found."""
    runs = {suite: passed(output) for suite, output in outputs.items()}
    checks = dict.fromkeys(check for run in runs.values() for check in run)
    rows = [
        f"| {check} | {' | '.join('passed' if check in run else '' for run in runs.values())} |"
        for check in checks
    ]
    return "\n".join([f"| | {' | '.join(runs)} |", "|---|" + "---|" * len(runs), *rows])


def main(directory: str, document: str) -> None:
    """Write the table, and when the runs were."""
    files = [Path(directory, f"{suite}.passed") for suite in SUITES]
    files += [path for suite in SUITES if (path := Path(directory, f"{suite}-machine.passed")).exists()]
    outputs = {path.stem.replace("-", ", "): path.read_text() for path in files}
    taken = ", ".join(map(seconds, outputs.values()))
    day = datetime.fromtimestamp(min(path.stat().st_mtime for path in files), UTC).date()
    target = Path(document)
    said = (
        f"All passed, the first on {day}: {taken}, with everything that is built for it.\n\n{table(outputs)}"
    )
    target.write_text(between(target.read_text(), "checks", said))


if __name__ == "__main__":
    main(*sys.argv[1:])
