# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Apps run here, and an app has a `/dev` of its own: what tests grant it must not lie in /dev/shm."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory on the disk, wherever the other tests have theirs."""
    with tempfile.TemporaryDirectory(prefix="appctl-app.", dir="/tmp", ignore_cleanup_errors=True) as made:
        yield Path(made)
