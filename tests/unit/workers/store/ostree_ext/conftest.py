# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A repository for every test."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.repository import Repository


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Path]:
    """At the end every object is what its name says, and nothing of a transaction is left."""
    path = tmp_path / "repo"
    Repository.open(path)
    yield path
    subprocess.run(["ostree", f"--repo={path}", "fsck", "--quiet"], check=True)
    for kind in Kind:
        for found in path.glob(f"objects/??/*.{kind.suffix}"):
            Repository.open(path).verify(kind, found.parent.name + found.stem)
    assert list(path.glob("tmp/appctl-*")) == []
