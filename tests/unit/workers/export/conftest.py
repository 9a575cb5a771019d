# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A place that has little room."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOM = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory where no file may have more than ROOM bytes: the kernel then says EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    directory = tmp_path / "small"
    directory.mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    yield directory
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
