# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Records the session of README.md on standard output, or puts one from standard input into the document.

record_session.py record        as an unprivileged user, with the tests in PYTHONPATH
record_session.py fill README.md
"""

import sys
import tempfile
from pathlib import Path

BEGIN, END = "<!-- begin session -->\n", "<!-- end session -->\n"


def main() -> int:
    """Do one of the two."""
    if sys.argv[1] == "record":
        from support.recording import record  # noqa: PLC0415 - only who records has the tests

        with tempfile.TemporaryDirectory(prefix="record.") as work:
            print(record(Path(work)))
        return 0
    document = Path(sys.argv[2])
    document.write_text(filled(document.read_text(), sys.stdin.read()))
    return 0


def filled(text: str, session: str) -> str:
    """The document with this session between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{session.strip(chr(10))}\n\n{END}{after}"


def session_of(text: str) -> str:
    """The session that stands in a document."""
    return text.partition(BEGIN)[2].partition(END)[0].strip("\n")


if __name__ == "__main__":
    sys.exit(main())
