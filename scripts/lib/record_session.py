# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Records the session of README.md on standard output, or puts one from standard input into the document.

record_session.py record        as an unprivileged user, with the tests in PYTHONPATH
record_session.py fill README.md
"""

import sys
import tempfile
from pathlib import Path

from attack_tables import between

MARKER = "session"


def main() -> int:
    """Do one of the two."""
    if sys.argv[1] == "record":
        from support.people.recording import record  # noqa: PLC0415 - only who records has the tests

        with tempfile.TemporaryDirectory(prefix="record.") as work:
            print(record(Path(work)))
        return 0
    document = Path(sys.argv[2])
    document.write_text(between(document.read_text(), MARKER, sys.stdin.read().strip("\n")))
    return 0


def session_of(text: str) -> str:
    """The session that stands in a document."""
    return text.partition(f"<!-- begin {MARKER} -->")[2].partition(f"<!-- end {MARKER} -->")[0].strip("\n")


if __name__ == "__main__":
    sys.exit(main())
