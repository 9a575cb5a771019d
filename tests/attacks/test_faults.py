# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Processes of a job that are replaced by something that misbehaves: what is told, what is left (R11, R14).

Every way to misbehave of every kind of process, and every request, once; the product is
`scripts/fault-injection`, and docs/faults.md its table.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ordeals.deeds import DEEDS, done, layers_of
from support.ordeals.ordeal import Village, endure, sample
from support.publishers.stand import Stand
from support.signatures.keys import Keys

CHOSEN = sample()


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    with Keys() as keys, Stand(keys) as stand:
        yield Village(tmp_path_factory.mktemp("village"), stand)


@pytest.mark.parametrize("number", range(len(CHOSEN)), ids=map(str, CHOSEN))
def test_a_process_that_misbehaves(number: int, village: Village, tmp_path: Path) -> None:
    endure(CHOSEN[number], village, tmp_path / "house", restart=number % 2 == 0)


@pytest.mark.parametrize("deed", DEEDS)
def test_every_request_of_a_job_is_in_the_matrix(deed: str, village: Village, tmp_path: Path) -> None:
    house = village.house(deed, tmp_path / "house")
    layers_of(deed, house)
    done(house.do(DEEDS[deed].ask(house)))
    house.close()
    asked = Counter(house.runner.asked)
    everywhere = {request[:2] for each in DEEDS.values() for request in each.requests}
    assert asked.keys() <= everywhere
    assert all(asked[process, operation] >= number for process, operation, number in DEEDS[deed].requests)
