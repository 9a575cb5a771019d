# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Takes pictures of those scenes of examples/software-center that documents show, and of an app's window.

screenshots.py DIRECTORY        as an unprivileged user, with the tests in PYTHONPATH
"""

import sys
import tempfile
from pathlib import Path

SHOWN = {  # scene of support/people/customer.py -> name of the file
    "found": "found",
    "preview of editor": "preview",
    "progress": "progress",
    "updates": "updates",
    "approval": "approval",
    "refused": "refused",
}
WINDOW = "window"  # of an app, support/people/writer.py


def main() -> int:
    """Take them."""
    from support.people.customer import visit  # noqa: PLC0415 - only who takes them has the tests
    from support.people.writer import portray  # noqa: PLC0415

    taken = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="p.") as work:
        visit(Path(work), taken, *SHOWN)
    with tempfile.TemporaryDirectory(prefix="p.") as work:
        portray(Path(work), taken / f"{WINDOW}.png")
    for scene, name in SHOWN.items():
        (taken / f"{scene}.png").rename(taken / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
