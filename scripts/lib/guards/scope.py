# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which files' guards are removed, and which tests should notice."""

import ast
from fnmatch import fnmatch
from pathlib import Path

from guards.by_hand import by_hand
from guards.copies import PACKAGE
from guards.guard import Guard
from guards.syntax import find, helpers_of

SCOPE = ("trust/*", "workers/*", "model/*", "pipeline/*", "config/policy/*", "updates/*", "lifetime.py")
QUICK = (
    "trust/claim.py",
    "trust/status.py",
    "trust/verdict.py",
    "workers/net/peers.py",
    "workers/fetch/http/redirects.py",
    "workers/fetch/token.py",
    "workers/store/archive/tar.py",
    "workers/store/names.py",
    "workers/store/ostree/tree.py",
    "workers/store/receive.py",
)
EACH = 1  # guards of each of them: within a minute on two cores
TESTS = (
    "unit/trust",
    "unit/config/policy",
    "unit/workers",
    "unit/model",
    "unit/pipeline",
    "unit/state",
    "unit/jobs",
    "unit/system",
    "unit/updates",
)


def all_guards(top: Path) -> list[Guard]:
    """Every guard of the checkout, file by file."""
    package = top / PACKAGE
    names = sorted(str(path.relative_to(package)) for path in package.rglob("*.py"))
    within = [name for name in names if any(fnmatch(name, at) for at in SCOPE)]
    sources = {name: (package / name).read_bytes() for name in within}
    helpers = helpers_of([ast.parse(source) for source in sources.values()])
    found = [guard for name, source in sources.items() for guard in find(name, source, helpers)]
    return found + by_hand(sources)


def test_files(top: Path) -> list[str]:
    """The test files of the rooms in scope."""
    found = [path for at in TESTS for path in (top / "tests" / at).rglob("test_*.py")]
    # Of the attacks those in this process: a daemon's sockets have no room in the paths of copies
    found += attacks(top)
    return sorted(str(path.relative_to(top)) for path in found)


def attacks(top: Path) -> list[Path]:
    """The matrices that need no daemon."""
    found = (top / "tests/attacks").glob("test_*matrix*.py")
    return [path for path in found if path.name != "test_damage_matrix.py"]


def sample(guards: list[Guard]) -> list[Guard]:
    """A fixed few: of each file whose tests are quick, guards spread evenly."""
    few = []
    for file in QUICK:
        here = [guard for guard in guards if guard.file == file]
        few += here[:: max(1, len(here) // EACH)][:EACH]
    return few
