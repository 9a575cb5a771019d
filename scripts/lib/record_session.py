# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Records the session of README.md on standard output, or puts one from standard input into the documents.

record_session.py record        as an unprivileged user, with the tests in PYTHONPATH
record_session.py fill README.md docs/session.svg

What is recorded is JSON: a list of lines, each a list of [text, look].
"""

import json
import sys
import tempfile
from pathlib import Path

from attack_tables import between
from terminal_picture import picture

MARKER = "session"
TITLE = "A remote is added, an app is installed, updated and rolled back, and another signer is refused"


def main() -> int:
    """Do one of the two."""
    if sys.argv[1] == "record":
        from support.people.recording import record  # noqa: PLC0415 - only who records has the tests

        with tempfile.TemporaryDirectory(prefix="record.") as work:
            print(json.dumps(record(Path(work))))
        return 0
    document, image = map(Path, sys.argv[2:])
    lines = json.load(sys.stdin)
    document.write_text(between(document.read_text(), MARKER, text_of(lines)))
    image.write_text(picture(lines, TITLE))
    return 0


def text_of(lines: list[list[tuple[str, str]]]) -> str:
    """The lines, indented as a document wants them."""
    return "\n".join(f"    {''.join(text for text, _ in line)}".rstrip() for line in lines)


def session_of(text: str) -> str:
    """The session that stands in a document."""
    return text.partition(f"<!-- begin {MARKER} -->")[2].partition(f"<!-- end {MARKER} -->")[0].strip("\n")


if __name__ == "__main__":
    sys.exit(main())
