# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What lintian says of the package, and why that stays: the table of docs/packaging.md.

lint.py DIRECTORY OVERRIDES DOCUMENT      DIRECTORY holds a file SUITE of what lintian said there

Guarantees: each override has a reason, which is the comment above it; a tag that lintian found stands in the
table with it. That lintian says nothing else is what scripts/build-deb looks for.
"""

import re
import sys
from collections import Counter
from pathlib import Path

from attack_tables import between

SUITES = ("bookworm", "trixie")
_SAID = re.compile(r"^O: appctl: (\S+)", re.MULTILINE)
_VERSION = re.compile(r"^Lintian v(\S+)$", re.MULTILINE)


def reasons(overrides: str) -> dict[str, str]:
    """By tag; several are joined. Raises ValueError for an override that no comment is right above."""
    found: dict[str, list[str]] = {}
    comment: list[str] = []
    before = ""
    for line in overrides.splitlines():
        if line.startswith("#"):
            comment = [*(comment if before.startswith("#") else []), line.removeprefix("#").strip()]
        elif not line:
            comment = []
        elif not comment:
            raise ValueError(f"no reason is given for: {line}")
        else:
            reason = " ".join(comment)
            rule = line.partition(" ")[2] if line.startswith("@") else line
            known = found.setdefault(rule.split()[1], [])
            known += [] if reason in known else [reason]
        before = line
    return {tag: " ".join(texts) for tag, texts in found.items()}


def table(said: dict[str, str], why: dict[str, str]) -> str:
    """How often each suite's lintian named a tag, and why it stays. An unused reason is a ValueError."""
    counts = {suite: Counter(_SAID.findall(text)) for suite, text in said.items()}
    tags = sorted({tag for count in counts.values() for tag in count})
    if unused := sorted(why.keys() - {*tags}):
        raise ValueError(f"lintian says nothing of this any longer: {', '.join(unused)}")
    rows = [
        f"| `{tag}` | {' | '.join(str(count[tag]) for count in counts.values())} | {why[tag]} |"
        for tag in tags
    ]
    return "\n".join(
        [f"| | {' | '.join(counts)} | why it stays |", "|---|" + "---|" * (len(counts) + 1), *rows]
    )


def main(directory: str, overrides: str, document: str) -> None:
    """Write it."""
    said = {suite: Path(directory, suite).read_text() for suite in SUITES}
    versions = ", ".join(f"{_VERSION.findall(text)[0]} in {suite}" for suite, text in said.items())
    rows = table(said, reasons(Path(overrides).read_text()))
    target = Path(document)
    target.write_text(between(target.read_text(), "lint", f"Lintian was {versions}.\n\n{rows}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
