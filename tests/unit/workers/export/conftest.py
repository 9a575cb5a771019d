# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A place that has little room; registries, real and made up; no pause, and small pieces."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.workers.export.registry import upload
from appctld.workers.fetch.http import session
from support.servers.fake_registry import FakeServer, Reply
from support.servers.pushing import PIECE
from support.servers.registry import Registry
from support.workers.leaving import LAYER, blob_of

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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "sleep", lambda _: None)
    monkeypatch.setattr(upload, "sleep", lambda _: None)
    monkeypatch.setattr(upload, "PIECE_BYTES", PIECE)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """Where the small layer is not."""
    with FakeServer() as server:
        server.on(f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}", Reply(404))
        yield server
