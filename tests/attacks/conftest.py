# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One publisher and one machine for each test module; each test has repositories of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machine import Machine
from support.publisher import Publisher


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    with Publisher(tmp_path_factory.mktemp("publisher")) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Machine(tmp_path / "machine") as running:
        yield running
        running.fsck()
