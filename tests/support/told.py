# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the causes of errors make the CLI say, as docs/errors.md shows it: `*` for what differs each time.

    python -m support.told      lets every cause happen, and prints one JSON object: name -> [sentence, hint]

scripts/error-table --ask puts that into the document; tests/integration/test_errors.py compares.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from appctl.exits import TABLE
from support.causes import CAUSES, Town
from support.machines.machine import Machine, Ran
from support.publishers.publisher import Publisher

_VARIES = re.compile(
    r"local\.h127_0_0_1_\d+"  # an ID of an image in a registry of loopback
    r"|(?:127\.0\.0\.1|localhost):\d+"
    r"|(?:sha256:)?[0-9a-f]{64}|[0-9A-F]{40}|[0-9A-F]{4}…[0-9A-F]{4}"
    r"|linux/(?:amd64|arm64)"  # this machine's
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:]+Z?)?"
    r"|[\d.,]+ (?:bytes|kB|MB|GB|TB|PB)"
)


class Said(NamedTuple):
    """One error, as it is told."""

    sentence: str
    hint: str


def said(ran: Ran, work: Path) -> Said:
    """What a command said of its one error; below `work` all names differ each time."""
    document = ran.json
    (error,) = document.get("errors") or [document["error"]]
    return Said(starred(error["message"], work), starred(error["hint"], work))


def starred(text: str, work: Path) -> str:
    """Put `*` for what differs each time, and one blank for more of them."""
    known = _VARIES.sub("*", re.sub(rf"{re.escape(str(work))}[^\s:)]*", "*", text))
    return " ".join(known.split())


@contextmanager
def populated(publisher: Publisher, work: Path) -> Iterator[Town]:
    """A town in which errors can happen; in the end its repository is whole."""
    with Machine(work / "machine", measured=False) as machine:
        town = Town(machine, publisher, work)
        yield town
        town.close()
        machine.fsck()


def everything() -> dict[str, Said]:
    """Let every cause of a failure happen, one after the other."""
    with tempfile.TemporaryDirectory(prefix="told.") as place:
        work = Path(place)
        for name in ("publisher", "town"):
            (work / name).mkdir()
        with Publisher(work / "publisher") as publisher, populated(publisher, work / "town") as town:
            failing = {name: cause for name, cause in CAUSES.items() if TABLE[name] != 0}
            return {name: said(cause.act(town), town.work) for name, cause in failing.items()}


if __name__ == "__main__":
    print(json.dumps(everything()))  # noqa: T201 - a program's answer
