# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image that goes to a registry, as skopeo finds it there."""

import os
import subprocess
from pathlib import Path

import pytest

from appctld.errors import (
    DigestMismatch,
    InvalidReference,
)
from appctld.workers.export.destination import opened
from support.servers.fake_registry import FakeServer, Reply
from support.servers.pushing import LARGE, UPLOADS, inspect
from support.servers.registry import Registry
from support.workers.leaving import LAYER, LAYER_TYPE, blob_of, leave, put, registry

pytestmark = pytest.mark.usefixtures("quick")


def test_skopeo_finds_the_image_under_its_tag(real: Registry) -> None:
    with opened(registry(real.url)) as destination:
        manifest = leave(destination, destination.tag, [LAYER, LARGE])
    found = inspect(real.host, "demo/plain:1")
    assert found["Digest"] == str(manifest.digest)
    assert found["Layers"] == [str(blob_of(layer).digest) for layer in (LAYER, LARGE)]


def test_without_a_commit_no_tag_leads_to_it(real: Registry) -> None:
    with opened(registry(real.url, "never")) as destination:
        manifest = leave(destination, destination.tag, [os.urandom(100)], commit=False)
    assert inspect(real.host, f"demo/plain@{manifest.digest}")
    with pytest.raises(subprocess.CalledProcessError):
        inspect(real.host, "demo/plain:never")


def test_a_blob_of_unknown_digest_waits_for_its_end(real: Registry, tmp_path: Path) -> None:
    data = os.urandom(100)
    with opened(registry(real.url)) as destination:
        for _ in range(2):
            assert destination.put_new(iter([data[:9], data[9:]]), LAYER_TYPE) == blob_of(data)
        assert destination.has(blob_of(data))
        assert not destination.put_beside("lookaside/x", b"")


def test_what_is_in_another_repository_of_the_registry_is_mounted(real: Registry) -> None:
    data = os.urandom(1000)
    with opened(registry(real.url, repository="demo/source")) as destination:
        put(destination, data)
    to = registry(real.url, repository="demo/mounted", sources=["demo/nothing", "demo/source"])
    with opened(to) as destination:
        assert destination.has(blob_of(data))
    with opened(registry(real.url, repository="demo/mounted")) as destination:
        assert destination.has(blob_of(data)), "it is there for everybody"
        assert not destination.has(blob_of(b"another"))


def test_nothing_is_mounted_from_where_it_is_going(fake: FakeServer) -> None:
    with opened(registry(fake.url, sources=["demo/plain"])) as destination:
        assert not destination.has(blob_of(LAYER))
    assert {request.method for request in fake.seen} == {"HEAD"}


def test_what_was_brought_there_is_not_asked_for_again(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(202, {"Location": "/up"}))
    fake.on("/up", Reply(201))
    with opened(registry(fake.url)) as destination:
        put(destination, LAYER)
        before = len(fake.seen)
        assert destination.has(blob_of(LAYER))
    assert len(fake.seen) == before


def test_a_blob_that_is_another_one_never_gets_there(real: Registry) -> None:
    data = os.urandom(3 << 20)
    for wrong in (data[:-1] + b"x", data + b"x", data[:-1]):
        with opened(registry(real.url)) as destination:
            with pytest.raises(DigestMismatch):
                destination.put_blob(blob_of(data), lambda wrong=wrong: iter([wrong]))  # type: ignore[misc]
            assert not destination.has(blob_of(data))


def test_a_registry_that_makes_another_manifest_is_said(fake: FakeServer) -> None:
    fake.on("/v2/demo/plain/manifests/1", Reply(201, {"Docker-Content-Digest": "sha256:" + "0" * 64}))
    with opened(registry(fake.url)) as destination:
        digest = blob_of(b"{}").digest
        fake.on(f"/v2/demo/plain/manifests/{digest}", Reply(201))
        destination.put_manifest(b"{}", "application/json", "1")
        with pytest.raises(DigestMismatch):
            destination.commit()


@pytest.mark.parametrize("tag", ["", "a:b", "sha256:" + "0" * 64, "x@y", "-"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(InvalidReference):
        opened(registry("http://127.0.0.1", tag))
