# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every test of this room gets a bus of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.buses.bus import private_bus


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a private bus."""
    with private_bus(tmp_path) as found:
        yield found
