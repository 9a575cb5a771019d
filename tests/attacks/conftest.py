# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The machine that is attacked is one as users have it: real sandboxes, and nothing that measures.

Which lines are tested at all is told by the tests of units and of integration.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """See `support.fixtures.machine`."""
    with Machine(tmp_path / "machine", measured=False) as running:
        yield running
        running.fsck()
