# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether a test notices that a guard is gone: nearest tests first, then wider.

Guarantees: a guard counts as held only by a test that, all alone, is green while the guard is there and red
once it is gone: many are run in an order of our own, and what turns red for that reason proves nothing. "Gone
unnoticed" is said only after every test that runs the guard's lines, and its whole room, stayed green.
"""

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from guards.copies import PACKAGE, Copy
from guards.guard import Guard
from guards.scope import attacks

SERVER = "scripts/lib/guards/server.py"
PATIENCE = 10  # times as long as the tests took with the guard: then it hangs, which is noticed too
LEAST_SECONDS = 10.0
ROOM_SECONDS = 900.0

# Tests that mirror another file than their name says
MIRRORS = {
    "model/catalog.py": ["jobs/catalog/test_search.py", "workers/lint/checks/test_catalog.py"],
    "pipeline/catalog/": ["jobs/catalog/test_search.py"],
    "pipeline/admission/claims.py": ["pipeline/test_policy.py"],
    "pipeline/admission/confirm.py": ["pipeline/test_policy.py"],
    "pipeline/images/merge.py": ["pipeline/test_policy.py"],
    "pipeline/native/": ["pipeline/test_policy.py"],
    "pipeline/images/resolve.py": ["pipeline/test_policy.py"],
    "updates/apps.py": ["updates/test_due.py", "jobs/apps/test_update.py", "jobs/apps/test_choices.py"],
    "workers/export/catalog/": [
        "workers/export/catalog/test_catalog.py",
        "workers/export/catalog/test_refused.py",
    ],
    "workers/fetch/__main__.py": ["workers/fetch/test_operations.py"],
    "workers/fetch/http/adapter.py": [
        "workers/fetch/http/test_session.py",
        "workers/fetch/test_internet.py",
        "workers/fetch/test_operations.py",
    ],
    "workers/images/": ["workers/lint/test_examine.py", "workers/lint/checks/test_faults.py"],
    "workers/lint/": ["workers/lint/checks/test_faults.py", "workers/lint/checks/test_catalog.py"],
    "workers/pull/__main__.py": ["workers/pull/test_operations.py", "workers/pull/test_hostile.py"],
    "workers/protocol.py": ["system/test_worker.py", "system/test_keeper.py"],
    "workers/store/archive/entry.py": ["workers/store/archive/test_tar.py", "workers/store/test_layer.py"],
    "workers/store/archive/hashing.py": ["workers/store/archive/test_stream.py"],
    "workers/store/archive/layertree.py": ["workers/store/test_layer.py"],
    "workers/store/archive/tarheader.py": ["workers/store/archive/test_tar.py"],
    "workers/store/audit/": ["jobs/audit/test_damages.py", "jobs/audit/test_repair.py"],
    "workers/store/farm/collect.py": ["workers/store/farm/test_deployment.py"],
    "workers/store/directory.py": ["workers/store/test_merge.py"],
    "workers/store/disk.py": ["workers/store/test_deploy.py"],
    "workers/store/ostree/closure.py": ["workers/store/test_deploy.py"],
    "workers/store/ostree/second.py": ["workers/store/ostree/test_contents.py"],
    "workers/store/ostree/staging.py": ["workers/store/ostree/test_writer_faults.py"],
    "workers/store/ostree_ext/": ["workers/store/ostree_ext/test_importing.py"],
    "workers/store/tarsplit/recorder.py": [
        "workers/store/tarsplit/test_kept.py",
        "workers/store/tarsplit/test_rebuild.py",
    ],
    "workers/store/union.py": ["workers/store/test_merge.py"],
    "trust/rotation.py": ["../attacks/test_rotation_matrix.py"],
    "pipeline/": ["pipeline/test_guards.py", "pipeline/images/test_published.py", "pipeline/test_run.py"],
}


@dataclass
class Known:
    """What the tests do while every guard is there: who runs which line, and how long each takes."""

    runners: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[str, float] = field(default_factory=dict)
    red: list[str] = field(default_factory=list)
    alone: dict[str, bool] = field(default_factory=dict)  # whether a test is green by itself

    def learn(self, answer: dict[str, Any]) -> None:
        """Take in what one traced run told."""
        self.seconds |= answer["seconds"]
        self.red += answer["red"]
        for file, lines in answer["lines"].items():
            for line, tests in lines.items():
                self.runners[file, int(line)].update(tests)

    def set_aside(self) -> None:
        """Forget the tests that are red."""
        for test in self.red:
            self.seconds.pop(test, None)
            for tests in self.runners.values():
                tests.discard(test)

    def runners_of(self, guard: Guard) -> list[str]:
        """Tests that run the statement around a guard, the quickest first."""
        file = str(PACKAGE / guard.file)
        found = {test for line in guard.lines for test in self.runners.get((file, line), ())}
        return sorted(found, key=lambda test: (self.seconds.get(test, 0), test))


class Bench:
    """One copy and the server of tests in it; a context manager that ends the server."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        state = copy.path.with_name(copy.path.name + ".tmp")
        (state / "run").mkdir(parents=True)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"TMPDIR": str(state), "XDG_RUNTIME_DIR": str(state / "run")}
        command = [str(copy.python), str(copy.path / SERVER)]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.kill()  # between two requests: it has cleared up after the last one
        self._server.communicate()

    def trace(self, files: Sequence[str]) -> dict[str, Any]:
        """Run whole files with every guard there."""
        return self._ask(files, ROOM_SECONDS)

    def try_without(self, guard: Guard, known: Known, *, narrow: bool = False) -> str | None:
        """The test that turns red once the guard is gone; None if all stay green.

        `narrow`: of those that run the guard's lines, as far as the tracer saw, and of its file's own.
        """
        for tests in self._widening(guard, known, narrow=narrow):
            left = list(tests)
            while red := self._red_without(guard, left, known):
                if self._proves(guard, red, left, known):
                    return red
                if red not in left:
                    break
                left.remove(red)  # others may still notice
        return None

    def _proves(self, guard: Guard, red: str, tests: Sequence[str], known: Known) -> bool:
        """Whether what turned red is green by itself, and red by itself without the guard."""
        if red not in known.seconds:  # no test was reached, or all together hang
            return not self._run(tests, known)
        if red not in known.alone:
            known.alone[red] = not self._run([red], known)
        alone = red == tests[0]  # nothing ran before it
        return known.alone[red] and (alone or bool(self._red_without(guard, [red], known)))

    def _red_without(self, guard: Guard, tests: Sequence[str], known: Known) -> str:
        """The first test that turns red once the guard is gone, or nothing."""
        with self._copy.without(guard):
            return self._run(tests, known)

    def _run(self, tests: Sequence[str], known: Known) -> str:
        if not tests:
            return ""
        each = {test: LEAST_SECONDS + PATIENCE * known.seconds.get(test, 1) for test in tests}
        red = self._ask(tests, ROOM_SECONDS, each=each)["red"]
        return str(red[0]) if red else ""

    def _widening(self, guard: Guard, known: Known, *, narrow: bool = False) -> Iterable[list[str]]:
        """The mirrored file's tests that run the guard, others that do, the rest of those, the room's."""
        mirrored = mirrors(self._copy.path, guard.file)
        runners = known.runners_of(guard)
        near = [test for test in runners if test.partition("::")[0] in mirrored]
        far = [test for test in runners if test not in near]
        # What is left may run the guard in another process or thread, where no tracer looks
        rest = sorted(known.seconds.keys() - set(runners), key=lambda test: (known.seconds[test], test))
        beside = [test for test in rest if test.partition("::")[0] in mirrored]
        around = () if narrow else room(self._copy.path, guard.file)
        left = [test for test in rest if test.partition("::")[0] in around]
        return (tests for tests in (near, far, beside, left) if tests)

    def _ask(
        self, tests: Sequence[str], seconds: float, each: dict[str, float] | None = None
    ) -> dict[str, Any]:
        """Run tests; without a limit for each, trace them."""
        if self._server.stdin is None or self._server.stdout is None:
            raise RuntimeError("a server without pipes")
        request = {"tests": list(tests), "seconds": seconds, "each": each or {}, "trace": each is None}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError(f"the server of tests in {self._copy.path} is gone")
        answer: dict[str, Any] = json.loads(line)
        return answer


def mirrors(top: Path, file: str) -> list[str]:
    """The test files that are there for one source file."""
    path = Path(file)
    named = (top / "tests/unit" / path.parent).glob(f"test_{path.stem.strip('_')}*.py")
    listed = [test for at, tests in MIRRORS.items() if file.startswith(at) for test in tests]
    return sorted(
        {str(test.relative_to(top)) for test in named}
        | {os.path.normpath(f"tests/unit/{test}") for test in listed}
    )


def room(top: Path, file: str) -> list[str]:
    """Other test files of its room: `trust`, or for a worker a worker's; and the attacks' matrices."""
    parts = Path(file).parts[:-1]
    directory = top.joinpath("tests/unit", *parts[:2])
    found = (*directory.rglob("test_*.py"), *attacks(top))
    others = {str(test.relative_to(top)) for test in found}
    return sorted(others - set(mirrors(top, file)))
