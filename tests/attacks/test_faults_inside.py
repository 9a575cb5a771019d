# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Real processes that are killed or failed by the kernel in the middle of their work, or have too little.

A few moments of each; all of them, `scripts/fault-injection` tries.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from support.ordeals.faults import Fault, injected, limited
from support.ordeals.moments import Moment, watch
from support.ordeals.ordeal import Case, Village, endure
from support.publishers.stand import Stand
from support.signatures.keys import Keys

FAILED = frozenset({"Failed"})
Watch = Callable[[str, tuple[str, str, int]], list[Moment]]


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    with Keys() as keys, Stand(keys) as stand:
        yield Village(tmp_path_factory.mktemp("village"), stand)


@pytest.fixture(scope="module")
def watched(village: Village, tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """What a process does, watched once for all that may happen to it."""
    places = tmp_path_factory.mktemp("watched")

    @cache
    def moments(deed: str, request: tuple[str, str, int]) -> list[Moment]:
        return watch(deed, request, village, places / f"{deed} {request[1]}")

    return moments


MOMENTS = (
    ("install", ("store", "receive", 1), "error=ENOSPC", 0.5),
    ("install", ("store", "import-layer", 1), "signal=KILL", 0.9),
    ("download by itself", ("store", "import-layer", 1), "error=ENOSPC", 0.5),
    ("update", ("store", "merge", 1), "error=ENOSPC", 0.9),
    ("update", ("store", "deploy", 1), "signal=KILL", 0.5),
    ("update", ("store", "deploy", 1), "error=ENOSPC", 0.9),
)


@pytest.mark.parametrize(("deed", "request_", "what", "part"), MOMENTS, ids=str)
def test_a_store_that_dies_or_has_no_room(
    deed: str,
    request_: tuple[str, str, int],
    what: str,
    part: float,
    village: Village,
    watched: Watch,
    tmp_path: Path,
) -> None:
    """After so much of its work."""
    possible = [moment for moment in watched(deed, request_) if what in moment.faults]
    endure(possible[int(len(possible) * part)].case(what), village, tmp_path / "house", restart=True)


LIMITED = {
    "a store without memory": ("store", "import-layer", limited(**{"as": 64 << 20}), FAILED),
    "a store that may write little": ("store", "import-layer", limited(fsize=64), FAILED),
    "a store without descriptors": ("store", "import-layer", limited(nofile=6), FAILED),
    "a fetcher without memory": ("fetch", "blob", limited(**{"as": 16 << 20}), FAILED),
    "a fetcher without descriptors": ("fetch", "blob", limited(nofile=4), FAILED),
    "a fetcher without a processor": ("fetch", "blob", injected("socket", "signal=KILL"), FAILED),
    "a fetcher that is told to end": ("fetch", "blob", injected("connect", "signal=TERM"), FAILED),
    "a decoder without memory": ("igzip", "run", limited(**{"as": 1 << 20}), FAILED),
    "a decoder that is killed": ("igzip", "run", injected("write", "signal=KILL"), FAILED),
    "a gpgv without memory": ("gpgv", "run", limited(**{"as": 1 << 20}), FAILED),
    "a gpgv that is killed": ("gpgv", "run", injected("write", "signal=KILL"), FAILED),
}


@pytest.mark.parametrize(("process", "operation", "fault", "names"), LIMITED.values(), ids=LIMITED)
def test_a_process_that_has_too_little(
    process: str, operation: str, fault: Fault, names: frozenset[str], village: Village, tmp_path: Path
) -> None:
    endure(Case("install", process, operation, fault, 1, names), village, tmp_path / "house")
