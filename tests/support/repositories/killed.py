# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Changes to the store that are killed at a step, whatever that may leave.

    with Killer(["os:rename", "appctld.workers.store.disk:sync"]) as killer:
        assert killer.kills(3, "deploy", request)     # before the third of these calls

A process of its own has imported everything and forks for each request: Python starts once, and who runs the
tests, and has threads, is never forked.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from pkgutil import resolve_name
from types import TracebackType
from typing import Self

from appctld.model.jsonvalue import JsonObject
from appctld.workers.protocol import Handler
from appctld.workers.store.deploy import activate, deploy, remove
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.tree import DirTree
from appctld.workers.store.recover import recover


class Killer:
    """`calls` are the functions whose calls are steps, each as MODULE:NAME."""

    def __init__(self, calls: Iterable[str]) -> None:
        tests = str(Path(__file__).resolve().parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.repositories.killed", *calls],
            env={**os.environ, "PYTHONPATH": tests},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def kills(self, step: int, operation: str, request: JsonObject) -> bool:
        """Do what is asked, killed before that step; whether there were as many."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([step, operation, request]), file=self._process.stdin, flush=True)
        status = int(self._process.stdout.readline())
        assert status in {0, -signal.SIGKILL}
        return status != 0


def write_objects(request: JsonObject, _report: object) -> JsonObject:
    """One transaction with a commit, a tree of two files, a small and a large one, and its attributes."""
    repository, head = Repository.open(Path(str(request["repo"]))), regular(0, 0, 0o755)
    with repository.shared(), repository.transaction() as writer:
        large = writer.file(head, 2 << 20, [b"x" * (1 << 20)] * 2)
        names = {"f": writer.file(head, 5, [b"small"]), "l": large}
        writer.commit(Commit(writer.tree(DirTree(names)), writer.meta(0, 0, 0o755)))
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "activate": activate,
    "deploy": deploy,
    "recover": recover,
    "remove": remove,
    "write-objects": write_objects,
}


def _be_killed(step: int, calls: Iterable[str]) -> None:
    left = step

    def killing(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in calls:
        owner, _, function = name.replace(":", ".").rpartition(".")
        place = resolve_name(owner)
        setattr(place, function, killing(getattr(place, function)))


def _serve(calls: list[str]) -> None:
    for line in sys.stdin:
        step, operation, request = json.loads(line)
        child = os.fork()
        if not child:
            _be_killed(step, calls)
            OPERATIONS[operation](request, lambda _facts: None)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1:])
