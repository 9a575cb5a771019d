# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Uploads that were broken off: a later run goes on, or begins again."""

import os
import stat
from pathlib import Path

import pytest

from appctld.workers.export.destination import opened
from appctld.workers.export.registry import kept
from support.servers.fake_registry import FakeServer, Reply
from support.servers.pushing import LARGE, PIECE, UPLOADS, Broken, broken
from support.servers.registry import Registry
from support.workers.leaving import blob_of, put, registry

pytestmark = pytest.mark.usefixtures("quick")


def test_a_later_run_goes_on_where_the_first_was_broken_off(real: Registry, tmp_path: Path) -> None:
    data = os.urandom(5 << 20)
    to = registry(real.url, uploads=str(tmp_path))
    with pytest.raises(Broken), opened(to) as destination:
        destination.put_blob(blob_of(data), lambda: broken(data, (3 << 20) + 17))
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = sent(real)
    with opened(to) as destination:
        put(destination, data)
    assert sent(real) - before == 2, "two pieces of five were there, and the last one ends it"
    assert real.blob(str(blob_of(data).digest)).read_bytes() == data
    assert list(tmp_path.iterdir()) == []


def sent(real: Registry) -> int:
    """How many pieces the registry was sent."""
    return (real.storage.parent / "registry.log").read_text().count('"PATCH ')


@pytest.mark.parametrize("what", ["forgotten", "old", "garbage", "another host's"])
def test_what_cannot_be_gone_on_with_is_begun_again(
    real: Registry, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(3 << 20)
    to = registry(real.url, uploads=str(tmp_path))
    with pytest.raises(Broken), opened(to) as destination:
        destination.put_blob(blob_of(data), lambda: broken(data, (2 << 20) + 17))
    (file,) = tmp_path.iterdir()
    with FakeServer("127.0.0.2") as other:
        if what == "forgotten":
            file.write_text(
                f"{real.url}/v2/demo/plain/blobs/uploads/11111111-1111-4111-8111-111111111111?_state=x"
            )
        elif what == "old":
            monkeypatch.setattr(kept, "DAYS", -1)
        else:
            file.write_text("garbage" if what == "garbage" else f"{other.url}/up")
        with opened(to) as destination:
            put(destination, data)
        assert other.seen == []
    assert real.blob(str(blob_of(data).digest)).read_bytes() == data


def test_an_address_on_another_host_is_not_kept(fake: FakeServer, tmp_path: Path) -> None:
    data = LARGE
    with FakeServer("127.0.0.2") as other:
        fake.on(UPLOADS, Reply(202, {"Location": f"{other.url}/up"}))
        other.on("/up", Reply(202, {"Location": f"{other.url}/up", "Range": f"0-{PIECE - 1}"}))
        with pytest.raises(Broken), opened(registry(fake.url, uploads=str(tmp_path))) as destination:
            destination.put_blob(blob_of(data), lambda: broken(data, 2 * PIECE + 17))
        assert [request.method for request in other.seen] == ["PATCH"]
    assert list(tmp_path.iterdir()) == []
