# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry: the real one for what is right, a fake one for what a real one never does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    ArchMismatch,
    BadManifest,
    InvalidReference,
    LimitExceeded,
    NotFound,
    RateLimited,
    RegistryAuth,
    RegistryUnavailable,
    UnsupportedMediaType,
)
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.model.manifest import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    MANIFEST_BYTES,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    parse_document,
)
from appctld.workers.fetch.http import session as session_module
from support.images.images import Layout, Settings
from support.servers.fake_registry import FakeServer, Reply
from support.servers.loopback import refusing
from support.servers.registry import Registry
from support.workers.fetching import AMD64, Fetch, endpoint, resolve

MANIFEST = "/v2/demo/plain/manifests/1"
INDEX_ENTRY = '{"mediaType":"%s","digest":"%s","size":%d,"platform":{"os":"linux","architecture":"amd64"}}'


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """One image of one small layer, tag `1`."""
    directory = tmp_path_factory.mktemp("layout")
    (directory / "tree").mkdir()
    (directory / "tree" / "file").write_bytes(bytes(range(256)) * 4096)
    layout = Layout(directory / "images")
    layout.build("1", [directory / "tree"], Settings(architecture="amd64"))
    return layout


@pytest.fixture(scope="module")
def registry(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        running.push(layout.source("1"), "demo/plain:1")
        yield running


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setattr(session_module, "sleep", lambda _: None)
    with FakeServer() as server:
        yield server


def first_layer(layout: Layout) -> JsonObject:
    layer = layout.manifest("1")["layers"][0]
    return {"digest": layer["digest"], "size": layer["size"]}


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_manifest_is_the_bytes_that_were_pushed(registry: Registry, layout: Layout, by: str) -> None:
    fetch = Fetch()
    reference = "1" if by == "tag" else layout.digest("1")
    answer = fetch.run("resolve", {**endpoint(registry.url), "reference": reference, "platform": AMD64})
    assert str(Digest.of(fetch.written)) == layout.digest("1")
    assert answer == {"documents": [{"media_type": OCI_MANIFEST, "size": len(fetch.written)}]}


def test_dockers_schema_2_is_taken(registry: Registry, layout: Layout) -> None:
    registry.push(layout.source("1"), "demo/plain:docker", "--format", "v2s2")
    fetch = Fetch()
    answer = fetch.run("resolve", {**endpoint(registry.url), "reference": "docker", "platform": AMD64})
    assert answer == {"documents": [{"media_type": DOCKER_MANIFEST, "size": len(fetch.written)}]}
    assert isinstance(parse_document(fetch.written, DOCKER_MANIFEST), Manifest)


def test_a_blob_is_the_bytes_that_were_pushed(registry: Registry, layout: Layout) -> None:
    fetch = Fetch()
    layer = first_layer(layout)
    answer = fetch.run("blob", {**endpoint(registry.url), **layer})
    assert answer == {"size": layer["size"]}
    assert fetch.written == layout.blob(str(layer["digest"])).read_bytes()
    assert fetch.progress[-1] == {"bytes": layer["size"]}


def test_a_blob_that_grew_is_cut_off(layout: Layout, tmp_path: Path) -> None:
    layer = first_layer(layout)
    with Registry(tmp_path) as tampered:
        tampered.push(layout.source("1"), "demo/plain:1")
        with tampered.blob(str(layer["digest"])).open("ab") as file:
            file.write(b"more")
        fetch = Fetch()
        with pytest.raises(LimitExceeded):
            fetch.run("blob", {**endpoint(tampered.url), **layer})
    assert len(fetch.written) <= int(str(layer["size"]))


def test_a_blob_that_shrank_is_passed_on_as_it_is(layout: Layout, tmp_path: Path) -> None:
    layer = first_layer(layout)
    with Registry(tmp_path) as tampered:
        tampered.push(layout.source("1"), "demo/plain:1")
        file = tampered.blob(str(layer["digest"]))
        file.write_bytes(file.read_bytes()[:100])
        fetch = Fetch()
        assert fetch.run("blob", {**endpoint(tampered.url), **layer}) == {"size": 100}


@pytest.mark.parametrize("reference", ["2", "sha256:" + "0" * 64])
def test_what_is_not_there_is_not_found(registry: Registry, reference: str) -> None:
    with pytest.raises(NotFound, match=f"has no demo/plain.{reference}"):
        resolve(endpoint(registry.url), reference)
    with pytest.raises(NotFound, match="has no demo/other:1"):
        resolve(endpoint(registry.url, repository="demo/other"))


def test_a_blob_that_is_not_there_is_not_found(registry: Registry) -> None:
    with pytest.raises(NotFound):
        Fetch().run("blob", {**endpoint(registry.url), "digest": "sha256:" + "0" * 64, "size": 1})


def test_a_registry_with_logins_wants_one(layout: Layout, tmp_path: Path) -> None:
    with Registry(tmp_path, users={"user": "pass"}) as private:
        private.push(layout.source("1"), "demo/plain:1", credential="user:pass")
        resolve(endpoint(private.url, credential={"username": "user", "password": "pass"}))
        with pytest.raises(RegistryAuth, match=r"a login is needed \(HTTP 401\)") as caught:
            resolve(endpoint(private.url))
        assert caught.value.data["host"] == private.host
        with pytest.raises(RegistryAuth, match="does not take this login"):
            resolve(endpoint(private.url, credential={"username": "user", "password": "wrong"}))


def test_a_registry_that_is_down_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "sleep", lambda _: None)
    with (
        refusing() as port,
        pytest.raises(RegistryUnavailable, match=f"127.0.0.1:{port} refuses connections"),
    ):
        resolve(endpoint(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(
    "reference", ["", "a b", "../x", "1?x=y", "sha256:abc", "a@sha256:" + "0" * 64, "x/y"]
)
def test_a_reference_that_would_make_another_url_is_refused(fake: FakeServer, reference: str) -> None:
    with pytest.raises(InvalidReference):
        resolve(endpoint(fake.url), reference)
    assert fake.seen == []


def test_a_digest_that_would_make_another_url_is_refused(fake: FakeServer) -> None:
    with pytest.raises(BadManifest):
        Fetch().run("blob", {**endpoint(fake.url), "digest": "sha256:../../x", "size": 1})
    assert fake.seen == []


def test_every_type_that_we_read_is_asked_for(fake: FakeServer) -> None:
    fake.on(MANIFEST, Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
    resolve(endpoint(fake.url))
    asked = fake.seen[0].headers["accept"]
    assert set(asked.split(", ")) == {OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST}


@pytest.mark.parametrize("content_type", [f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST.upper()])
def test_the_type_is_reported_without_its_parameters(fake: FakeServer, content_type: str) -> None:
    fake.on(MANIFEST, Reply(200, {"Content-Type": content_type}, b"{}"))
    assert resolve(endpoint(fake.url)) == {"documents": [{"media_type": OCI_MANIFEST, "size": 2}]}


def test_a_manifest_is_not_parsed_before_anybody_signed_it(fake: FakeServer) -> None:
    fake.on(MANIFEST, Reply(200, {"Content-Type": OCI_MANIFEST}, b"no json"))
    fetch = Fetch()
    fetch.run("resolve", {**endpoint(fake.url), "reference": "1", "platform": AMD64})
    assert fetch.written == b"no json"


@pytest.mark.parametrize(
    ("content_type", "body", "leaf"),
    [
        ("text/html", b"<html>", BadManifest),
        ("text/html", f'{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}"}}'.encode(), BadManifest),
        ("application/json", b'{"schemaVersion":2}', UnsupportedMediaType),
        ("", f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}'.encode(), BadManifest),
        (OCI_INDEX, b"no json", BadManifest),
        (OCI_INDEX, f'{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}"}}'.encode(), BadManifest),
    ],
)
def test_a_type_that_we_do_not_read_is_refused(
    fake: FakeServer, content_type: str, body: bytes, leaf: type[AppctlError]
) -> None:
    fake.on(MANIFEST, Reply(200, {"Content-Type": content_type}, body))
    with pytest.raises(leaf):
        resolve(endpoint(fake.url))


@pytest.mark.parametrize("suffix", ["json", "prettyjws"])
def test_dockers_schema_1_is_named(fake: FakeServer, suffix: str) -> None:
    content_type = f"application/vnd.docker.distribution.manifest.v1+{suffix}"
    fake.on(MANIFEST, Reply(200, {"Content-Type": content_type}, b'{"schemaVersion":1}'))
    with pytest.raises(UnsupportedMediaType, match="demo/plain:1 is in Docker's old format"):
        resolve(endpoint(fake.url))


@pytest.mark.parametrize(
    ("status", "leaf"),
    [
        *((status, RegistryAuth) for status in (401, 403)),
        *((status, RegistryUnavailable) for status in (204, 206, 304, 400, 500, 503)),
        (404, NotFound),
        (429, RateLimited),
    ],
)
def test_every_status_but_200_is_an_error(fake: FakeServer, status: int, leaf: type[AppctlError]) -> None:
    fake.on(MANIFEST, Reply(status, {"Content-Type": OCI_MANIFEST}))
    with pytest.raises(leaf):
        resolve(endpoint(fake.url))


@pytest.mark.parametrize("content_type", [OCI_MANIFEST, OCI_INDEX])
def test_a_document_without_end_is_not_read(fake: FakeServer, content_type: str) -> None:
    fake.on(MANIFEST, Reply(200, {"Content-Type": content_type}, endless=True))
    fetch = Fetch()
    with pytest.raises(LimitExceeded) as caught:
        fetch.run("resolve", {**endpoint(fake.url), "reference": "1", "platform": AMD64})
    assert caught.value.data["limit"] == MANIFEST_BYTES
    assert fetch.written == b""


def test_a_blob_without_end_is_cut_off(fake: FakeServer) -> None:
    digest = "sha256:" + "0" * 64
    fake.on(f"/v2/demo/plain/blobs/{digest}", Reply(200, endless=True))
    fetch = Fetch()
    with pytest.raises(LimitExceeded):
        fetch.run("blob", {**endpoint(fake.url), "digest": digest, "size": 100_000})
    assert len(fetch.written) <= 100_000


def index(media_type: str, digest: str, size: int) -> bytes:
    entries = INDEX_ENTRY % (media_type, digest, size)
    return f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entries}]}}'.encode()


def served_index(fake: FakeServer, size: int, reply: Reply) -> bytes:
    """Serve an index whose amd64 manifest is `reply`; the index."""
    digest = str(Digest.of(reply.body))
    document = index(OCI_MANIFEST, digest, size)
    fake.on(MANIFEST, Reply(200, {"Content-Type": OCI_INDEX}, document))
    fake.on(f"/v2/demo/plain/manifests/{digest}", reply)
    return document


def test_an_index_leads_to_the_platforms_manifest(fake: FakeServer) -> None:
    document = served_index(fake, 2, Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
    fetch = Fetch()
    answer = fetch.run("resolve", {**endpoint(fake.url), "reference": "1", "platform": AMD64})
    assert fetch.written == document + b"{}"
    assert answer == {
        "documents": [
            {"media_type": OCI_INDEX, "size": len(document)},
            {"media_type": OCI_MANIFEST, "size": 2},
        ]
    }


def test_one_login_serves_both_documents(fake: FakeServer) -> None:
    asks = Reply(401, {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'})
    document = served_index(fake, 2, asks)
    fake.on(MANIFEST, asks, Reply(200, {"Content-Type": OCI_INDEX}, document))
    fake.on("/token", Reply(200, {}, b'{"token":"abc"}'))
    with pytest.raises(RegistryAuth):
        resolve(endpoint(fake.url))
    assert fake.seen[-1].headers["authorization"] == "Bearer abc"
    assert len(fake.asked("/token")) == 1


def test_an_index_without_our_platform_is_said_so(fake: FakeServer) -> None:
    served_index(fake, 2, Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
    with pytest.raises(ArchMismatch, match="offered: linux/amd64"):
        resolve(endpoint(fake.url), platform={**AMD64, "architecture": "riscv64"})


def test_a_manifest_larger_than_its_index_says_is_cut_off(fake: FakeServer) -> None:
    served_index(fake, 1, Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
    with pytest.raises(LimitExceeded):
        resolve(endpoint(fake.url))


def test_a_manifest_that_its_index_calls_huge_is_not_asked_for(fake: FakeServer) -> None:
    served_index(fake, MANIFEST_BYTES + 1, Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
    with pytest.raises(LimitExceeded):
        resolve(endpoint(fake.url))
    assert len(fake.seen) == 1


def test_an_index_inside_an_index_is_refused(fake: FakeServer) -> None:
    inner = index(OCI_MANIFEST, "sha256:" + "0" * 64, 2)
    served_index(fake, len(inner), Reply(200, {"Content-Type": OCI_INDEX}, inner))
    with pytest.raises(BadManifest):
        resolve(endpoint(fake.url))
