# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Fixtures of several rooms: one publisher a module, one machine a test; proof that a test leaves nothing."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.descriptors import children, open_descriptors
from support.machine import Machine
from support.publisher import Publisher


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    """No descriptor and no child, running or zombie, is left by a test."""
    gc.collect()  # what tests before this one left may be closed now, or in the middle of it
    descriptors, processes = open_descriptors(), children()
    yield
    assert open_descriptors().items() <= descriptors.items()
    assert children() <= processes


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    """A registry, a web server and keys."""
    with Publisher(tmp_path_factory.mktemp("publisher")) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A bus, a daemon and the CLI; at the end every stored object is what its name says."""
    with Machine(tmp_path / "machine", measured=False) as running:
        yield running
        running.fsck()
