# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A repository for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.workers.store.ostree.repository import Repository
from support.repositories.fsck import fsck


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Path]:
    """At the end every object is what its name says, and nothing of a transaction is left."""
    path = tmp_path / "repo"
    Repository.open(path)
    yield path
    fsck(path)
    assert list(path.glob("tmp/appctl-*")) == []
