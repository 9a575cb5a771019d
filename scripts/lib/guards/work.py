# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""All trials, side by side, each in a copy that it has to itself.

Guarantees: a test that is red while every guard is there proves nothing, and is set aside. The copies are
gone at the end. Leaves to others: which guards, and what the results mean.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from guards.copies import Copy
from guards.guard import Guard
from guards.trial import Bench, Known


@dataclass(frozen=True, slots=True)
class Result:
    """`red` is the test that noticed; None if nobody did."""

    guard: Guard
    red: str | None


def try_all(
    top: Path,
    guards: Iterable[Guard],
    tests: Iterable[str],
    report: Callable[[Result], None],
    *,
    jobs: int,
    narrow: bool,
) -> tuple[list[Result], list[str]]:
    """Trace the test files `tests`, then remove each guard in turn; and the tests that were set aside."""
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="guards.", ignore_cleanup_errors=True)
        directory = stack.enter_context(made)
        benches: SimpleQueue[Bench] = SimpleQueue()
        for number in range(jobs):
            benches.put(stack.enter_context(Bench(Copy(top, Path(directory, str(number))))))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        known = _trace(benches, pool, tests)

        def attempt(guard: Guard) -> Result:
            with _taken(benches) as bench:
                result = Result(guard, bench.try_without(guard, known, narrow=narrow))
            report(result)
            return result

        return list(pool.map(attempt, guards)), known.red


def _trace(benches: "SimpleQueue[Bench]", pool: ThreadPoolExecutor, tests: Iterable[str]) -> Known:
    def run(file: str) -> dict[str, object]:
        with _taken(benches) as bench:
            return bench.trace([file])

    known = Known()
    for answer in pool.map(run, tests):
        known.learn(answer)
    known.set_aside()
    return known


@contextmanager
def _taken(benches: "SimpleQueue[Bench]") -> Iterator[Bench]:
    bench = benches.get()
    try:
        yield bench
    finally:
        benches.put(bench)
