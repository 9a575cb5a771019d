# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Tries every process of a job with every fault, at one moment after the other; does fault-injection's work.

Guarantees: each trial begins with a state directory of its own, and ends with all checks of
tests/support/ordeals/ordeal.py: what is told, that the old version or the new one is whole and current, that
`ostree fsck` is content, that the next start leaves no litter within five seconds, that the same job then
succeeds and fetches no finished layer again. The exit code is 0 only if nothing of that failed in any trial.
"""

import argparse
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from support.ordeals.deeds import DEEDS
from support.ordeals.moments import guess, spread, watch, watch_daemon
from support.ordeals.ordeal import Case, Village, cases, endure, perish, sample
from support.publishers.stand import Stand
from support.signatures.keys import Keys

INSIDE = (
    ("install", ("store", "receive", 1)),
    ("install", ("store", "import-layer", 1)),
    ("install", ("store", "merge", 1)),
    ("install", ("store", "deploy", 1)),
    ("install", ("store", "prepare-caches", 1)),
    ("install", ("store", "take-caches", 1)),
    ("install", ("store", "keep-catalogs", 1)),
    ("resume", ("store", "recheck", 1)),
    ("resume", ("store", "import-layer", 1)),
    ("resume", ("store", "deploy", 1)),
    ("adopt", ("store", "adopt-layer", 1)),
    ("adopt", ("store", "merge", 1)),
    ("adopt", ("store", "deploy", 1)),
    ("update", ("store", "merge", 1)),
    ("update", ("store", "deploy", 1)),
    ("update", ("store", "remove", 1)),
    ("update", ("store", "prune", 1)),
    ("update by itself", ("store", "deploy", 1)),
    ("download by itself", ("store", "import-layer", 1)),
    ("rollback", ("store", "activate", 1)),
    ("uninstall", ("store", "remove", 1)),
    ("repair", ("store", "mend", 1)),
    ("repair", ("store", "deploy", 1)),
    ("catalogue", ("store", "store-catalog", 1)),
    ("catalogue", ("store", "show-catalog", 1)),
    ("catalogue", ("store", "keep-catalogs", 1)),
    ("next catalogue", ("store", "store-catalog", 1)),
    ("next catalogue", ("store", "show-catalog", 1)),
    ("next catalogue", ("store", "keep-catalogs", 1)),
    ("removal", ("store", "keep-catalogs", 1)),
    ("install", ("fetch", "resolve", 1)),
    ("install", ("fetch", "blob", 2)),
    ("install", ("igzip", "run", 1)),
    ("install", ("zstd", "run", 1)),
    ("update", ("gpgv", "run", 1)),
)
"""Real processes that are stopped inside of their work."""

ENDED = (
    "install",
    "resume",
    "adopt",
    "update",
    "update by itself",
    "download by itself",
    "rollback",
    "uninstall",
    "catalogue",
    "next catalogue",
    "removal",
)
"""In which the daemon is killed."""

WORDS = {
    "signal=KILL": "killed",
    "error=ENOSPC": "no space",
    "error=EIO": "input/output error",
    "error=EMFILE": "no descriptors",
}
MOST = {"signal=KILL": 1.0, "error=ENOSPC": 0.6, "error=EIO": 0.2, "error=EMFILE": 0.2}  # of --most
SHORT_MOMENTS, SHORT_REQUESTS, SHORT_STRIDE = 1, 5, 8  # so much of everything fits into half a minute


@dataclass
class Row:
    """One line of the table: trials of one process with one fault."""

    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: int = 0


def main() -> int:
    """Do what the arguments say; the exit code."""
    asked = _arguments()
    began = time.monotonic()
    rows: dict[tuple[str, str], Row] = {}
    root = Path(tempfile.mkdtemp(prefix="campaign-"))
    with Keys() as keys, Stand(keys) as stand:
        (root / "village").mkdir()
        village = Village(root / "village", stand)
        numbers = itertools.count()
        for fault, case in _trials(asked, village, root):
            row = rows.setdefault((f"{case.deed}: {case.process} {case.operation}", fault), Row())
            _try(str(case), partial(_told, case, village), root / f"trial-{next(numbers)}", row)
        for deed, prefix in _ends(asked, village, root):
            row = rows.setdefault((f"{deed}: daemon and workers", "killed"), Row())
            name = f"{deed}: {' '.join(prefix)}"
            _try(name, partial(_ended, deed, prefix, village), root / f"trial-{next(numbers)}", row)
    if asked.table_fd is not None:
        with os.fdopen(asked.table_fd, "w") as table:
            table.write(markdown(rows))
    tried, wrong = (sum(getattr(row, name) for row in rows.values()) for name in ("tried", "wrong"))
    print(f"{tried} trials, {wrong} violations ({time.monotonic() - began:.0f} s)")
    return 1 if wrong or not tried else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="fault-injection", description="Let each process of a job go wrong."
    )
    parser.add_argument("--short", action="store_true", help="a sample, within half a minute")
    parser.add_argument("--most", type=int, default=40, metavar="N", help="moments of one process and fault")
    parser.add_argument("--only", default="", metavar="TEXT", help="only trials whose name holds this")
    parser.add_argument("--table-fd", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _trials(asked: argparse.Namespace, village: Village, root: Path) -> Iterator[tuple[str, Case]]:
    """The fault as the table has it, and the trial."""
    whole = sample()[::SHORT_STRIDE] if asked.short else list(cases())
    yield from (("misbehaves", case) for case in whole if asked.only in str(case))
    most = SHORT_MOMENTS if asked.short else asked.most
    for number, (deed, request) in enumerate(INSIDE[::SHORT_REQUESTS] if asked.short else INSIDE):
        if asked.only in f"{deed}/{request[0]} {request[1]}":
            yield from _inside(deed, request, most, village, root / f"watched-{number}")


def _inside(
    deed: str, request: tuple[str, str, int], most: int, village: Village, place: Path
) -> Iterator[tuple[str, Case]]:
    in_the_open = request[0] != "gpgv"  # which needs the files that its sandbox shows it
    moments = watch(deed, request, village, place) if in_the_open else guess(deed, request, most)
    for what, word in WORDS.items():
        possible = [moment for moment in moments if what in moment.faults]
        chosen = spread(possible, max(1, int(most * MOST[what])))
        yield from ((word, moment.case(what)) for moment in chosen)


def _ends(asked: argparse.Namespace, village: Village, root: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Moments at which the daemon is killed, and all of its workers with it."""
    for deed in ("update",) if asked.short else ENDED:
        if asked.only in f"{deed}/daemon":
            moments = watch_daemon(deed, village, root / f"watched-{deed}")
            yield from (
                (deed, prefix) for prefix in spread(moments, SHORT_MOMENTS if asked.short else asked.most)
            )


def _told(case: Case, village: Village, place: Path, *, restart: bool) -> str:
    job = endure(case, village, place, restart=restart)
    return job.error.name if job.error else "done"


def _ended(deed: str, prefix: tuple[str, ...], village: Village, place: Path, *, restart: bool) -> str:  # noqa: ARG001
    return "-" if perish(deed, prefix, village, place) else "done"


def _try(name: str, trial: Callable[..., str], place: Path, row: Row) -> None:
    row.tried += 1
    try:
        row.outcomes[trial(place, restart=row.tried % 2 == 0)] += 1
    except AssertionError as error:
        row.wrong += 1
        print(f"VIOLATION {name}: {[*str(error).splitlines(), 'see ordeal.py'][0]}", flush=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def markdown(rows: dict[tuple[str, str], Row]) -> str:
    """The table of docs/faults.md, in the order of the deeds."""
    lines = ["| job: process | fault | trials | told | violations |", "|---|---|---|---|---|"]
    order = list(DEEDS)
    for (process, fault), row in sorted(rows.items(), key=lambda item: order.index(item[0][0].split(":")[0])):
        told = ", ".join(f"{name} {count}" for name, count in sorted(row.outcomes.items()))
        lines.append(f"| {process} | {fault} | {row.tried} | {told or '-'} | {row.wrong} |")
    total = sum(row.tried for row in rows.values())
    wrong = sum(row.wrong for row in rows.values())
    return "\n".join([*lines, f"| **all** | | {total} | | {wrong} |", ""])


if __name__ == "__main__":
    sys.exit(main())
