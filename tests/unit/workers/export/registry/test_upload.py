# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Uploads over lines that break, to registries that forget."""

import os
from pathlib import Path

import pytest

from appctld.errors import (
    RegistryAuth,
    RegistryUnavailable,
)
from appctld.workers.export.destination import opened
from appctld.workers.export.registry import upload
from appctld.workers.export.registry.upload import TIMES
from support.servers.cutting import CuttingLine
from support.servers.fake_registry import FakeServer, Reply
from support.servers.pushing import LARGE, PIECE, UPLOADS, Broken, Resuming, broken
from support.servers.registry import Registry
from support.workers.leaving import LAYER, blob_of, put, registry

pytestmark = pytest.mark.usefixtures("quick")


def test_what_arrived_before_the_line_broke_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom((5 << 20) + 3)
    with Resuming() as server, CuttingLine(server.host) as line:
        line.cut_after(1 << 19, 300_000)
        monkeypatch.setattr(upload, "sleep", lambda _: server.has_noticed(line.cuts))
        with opened(registry(line.url)) as destination:
            destination.put_blob(blob_of(data), lambda: iter([data]))
        assert line.cuts == 2
        posts = [request for request in server.seen if request.method == "POST"]
        arrived = sum(len(seen.body) for seen in server.seen if seen.method in {"PATCH", "PUT"})
    assert (server.finished, len(posts)) == (data, 1)
    assert arrived == len(data), "no byte was taken twice"


def test_a_real_registry_that_drops_the_broken_upload_gets_it_again(real: Registry, tmp_path: Path) -> None:
    """The distribution registry, 2.8, gives up an upload whose connection broke in the middle of a piece."""
    data = os.urandom(5 << 20)
    with CuttingLine(real.host) as line:
        line.cut_after(1 << 19, 600_000, 300_000)
        with opened(registry(line.url, uploads=str(tmp_path))) as destination:
            put(destination, data)
        assert line.cuts == 3
    assert real.blob(str(blob_of(data).digest)).read_bytes() == data
    assert list(tmp_path.iterdir()) == [], "what came to its end is not kept"


def test_a_line_that_always_breaks_is_given_up(real: Registry, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    with CuttingLine(real.host) as line, opened(registry(line.url)) as destination:
        line.cut_after(*[100_000] * 40)
        with pytest.raises(RegistryUnavailable):
            put(destination, data)


def test_an_upload_that_has_other_bytes_is_begun_again(real: Registry, tmp_path: Path) -> None:
    """The registry's own digest is the judge of what an earlier run sent."""
    data, to = os.urandom(3 << 20), registry(real.url, uploads=str(tmp_path))
    with pytest.raises(Broken), opened(to) as destination:
        destination.put_blob(blob_of(data), lambda: broken(bytes(3 << 20), (2 << 20) + 17))
    with opened(to) as destination:
        put(destination, data)
    assert real.blob(str(blob_of(data).digest)).read_bytes() == data


def test_a_registry_that_forgets_again_and_again_is_given_up(fake: FakeServer) -> None:
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LARGE).digest}", Reply(404))
    fake.on(UPLOADS, Reply(202, {"Location": "/up"}))
    with (
        opened(registry(fake.url)) as destination,
        pytest.raises(RegistryUnavailable, match="again and again"),
    ):
        put(destination, LARGE)


@pytest.mark.parametrize(
    ("said", "pieces"), [("0-99", 2 + 3 * TIMES), ("0-99999999", 5), ("", 2 + 3 * TIMES)]
)
def test_a_registry_that_has_something_else_than_was_sent_is_not_gone_on_with(
    fake: FakeServer, said: str, pieces: int
) -> None:
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LARGE).digest}", Reply(404))
    fake.on(UPLOADS, Reply(202, {"Location": "/up"}))
    fake.on(
        "/up",
        Reply(202, {"Location": "/up", "Range": "0-1048575"}),
        Reply(202, {"Location": "/up", "Range": said}),
    )
    with opened(registry(fake.url)) as destination, pytest.raises(RegistryUnavailable):
        put(destination, LARGE)
    requests = [request.method for request in fake.asked("/up")]
    assert requests == ["PATCH"] * pieces


@pytest.fixture
def large(fake: FakeServer) -> FakeServer:
    """A registry that begins an upload of the large layer, at /up."""
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LARGE).digest}", Reply(404))
    fake.on(UPLOADS, Reply(202, {"Location": "/up"}))
    return fake


def test_a_registry_that_is_busy_for_long_is_given_up_as_such(large: FakeServer) -> None:
    here = {"Location": "/up", "Range": "0-0"}
    large.on("/up", *[Reply(503), Reply(204, here)] * (TIMES - 1), Reply(503))
    with opened(registry(large.url)) as destination, pytest.raises(RegistryUnavailable, match="503"):
        put(destination, LARGE)
    assert len(large.asked(UPLOADS)) == 1


def test_a_registry_that_refuses_a_piece_is_believed(large: FakeServer) -> None:
    large.on("/up", Reply(403))
    with opened(registry(large.url)) as destination, pytest.raises(RegistryAuth):
        put(destination, LARGE)
    assert len(large.asked("/up")) == 1


def test_what_a_failing_registry_says_of_an_upload_is_not_believed(large: FakeServer) -> None:
    whole = {"Location": "/up", "Range": f"0-{PIECE - 1}"}
    large.on("/up", Reply(416), Reply(500, whole))
    with opened(registry(large.url)) as destination, pytest.raises(RegistryUnavailable, match="500"):
        put(destination, LARGE)


def test_where_nothing_can_be_mounted_the_upload_that_was_begun_is_gone_on_with(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(202, {"Location": "/up"}))
    fake.on("/up", Reply(201))
    with opened(registry(fake.url, sources=["demo/source"])) as destination:
        assert not destination.has(blob_of(LAYER))
        destination.put_blob(blob_of(LAYER), lambda: iter([LAYER]))
    (begun,) = fake.asked(UPLOADS)
    assert begun.query == f"mount=sha256%3A{blob_of(LAYER).digest.hex}&from=demo%2Fsource"


def test_what_was_mounted_is_there(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(201))
    with opened(registry(fake.url, sources=["demo/source"])) as destination:
        assert destination.has(blob_of(LAYER))


def test_where_a_registry_refuses_to_mount_there_is_nothing(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(400))
    with opened(registry(fake.url, sources=["demo/source"])) as destination:
        assert not destination.has(blob_of(LAYER))
