# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image that goes to a registry: a real one, one that wants a login, a line that breaks."""

import hashlib
import json
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import (
    CredentialScope,
    DigestMismatch,
    InvalidReference,
    NotFound,
    RegistryAuth,
    RegistryUnavailable,
)
from appctld.model.jsonvalue import JsonObject
from appctld.workers.export.destination import opened
from appctld.workers.export.registry import kept, upload
from appctld.workers.fetch.http import session as session_module
from support.cutting import CuttingLine
from support.fake_registry import FakeServer, Reply, Seen
from support.leaving import LAYER, LAYER_TYPE, blob_of, leave, put, registry
from support.registry import Registry

LARGE = os.urandom(1 << 20) * 3
LOGIN: JsonObject = {"username": "alice", "password": "secret"}
UPLOADS = "/v2/demo/plain/blobs/uploads/"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "sleep", lambda _: None)
    monkeypatch.setattr(upload, "sleep", lambda _: None)
    monkeypatch.setattr(upload, "PIECE_BYTES", 1 << 20)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.on(f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}", Reply(404))
        yield server


def inspect(host: str, name: str, *options: str) -> dict[str, object]:
    command = ["skopeo", "inspect", "--tls-verify=false", *options, f"docker://{host}/{name}"]
    done: dict[str, object] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return done


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


# --- logins ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("private"), users={"alice": "secret"}) as running:
        yield running


def test_a_registry_that_wants_a_login_gets_it(private: Registry) -> None:
    with opened(registry(private.url, credential=LOGIN)) as destination:
        leave(destination, destination.tag)
    assert inspect(private.host, "demo/plain:1", "--creds=alice:secret")


@pytest.mark.parametrize("credential", [None, {"username": "alice", "password": "wrong"}])
def test_without_the_right_login_it_is_refused(private: Registry, credential: JsonObject | None) -> None:
    with pytest.raises(RegistryAuth), opened(registry(private.url, credential=credential)) as destination:
        leave(destination, destination.tag)


def test_a_token_is_asked_for_writing_here_and_reading_where_is_mounted_from(fake: FakeServer) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{fake.url}/token",scope="repository:evil:push"'}
    fake.on("/token", Reply(body=b'{"token": "abc"}'))
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}", Reply(401, challenge), Reply(200))
    with opened(registry(fake.url, sources=["other/one"], credential=LOGIN)) as destination:
        assert destination.has(blob_of(LAYER))
    (asked,) = fake.asked("/token")
    assert asked.query == (
        "scope=repository%3Ademo%2Fplain%3Apull&scope=repository%3Ademo%2Fplain%3Apull%2Cpush"
        "&scope=repository%3Aother%2Fone%3Apull"
    )


def test_a_refresh_token_is_asked_with_all_scopes_in_one(fake: FakeServer) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'}
    fake.on("/token", Reply(body=b'{"token": "abc"}'))
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}", Reply(401, challenge), Reply(200))
    with opened(registry(fake.url, credential={"identity_token": "t"})) as destination:
        assert destination.has(blob_of(LAYER))
    assert b"pull+repository%3Ademo%2Fplain%3Apull%2Cpush" in fake.asked("/token")[0].body


def test_a_token_that_ends_in_the_middle_is_asked_for_again(fake: FakeServer) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'}
    fake.on("/token", Reply(body=b'{"token": "one"}'), Reply(body=b'{"token": "two"}'))
    fake.on(f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}", Reply(401, challenge), Reply(404))
    fake.on(UPLOADS, Reply(401, challenge), Reply(202, {"Location": "/up"}))
    fake.on("/up", Reply(201))
    with opened(registry(fake.url)) as destination:
        put(destination, LAYER)
    assert fake.asked("/up")[0].headers["authorization"] == "Bearer two"


def test_a_registry_that_says_401_for_ever_is_asked_twice(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}))
    with opened(registry(fake.url, credential=LOGIN)) as destination, pytest.raises(RegistryAuth):
        put(destination, LAYER)
    assert len(fake.asked(UPLOADS)) == 2


# --- where it leads us -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["location", "redirect"])
def test_a_login_does_not_follow_to_another_host(fake: FakeServer, how: str) -> None:
    with FakeServer("127.0.0.2") as other:
        other.on("/up", Reply(201))
        fake.on(
            f"/v2/demo/plain/blobs/{blob_of(LAYER).digest}",
            Reply(401, {"WWW-Authenticate": "Basic"}),
            Reply(404),
        )
        fake.on(UPLOADS, Reply(202, {"Location": f"{other.url}/up" if how == "location" else "/here"}))
        fake.on("/here", Reply(307, {"Location": f"{other.url}/up"}))
        with opened(registry(fake.url, credential=LOGIN)) as destination:
            put(destination, LAYER)
        (request,) = other.seen
    assert (request.method, request.body) == ("PUT", LAYER)
    assert "authorization" not in request.headers
    assert "authorization" in fake.asked(UPLOADS)[0].headers


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_make_another_request_of_it_is_not_followed(
    fake: FakeServer, status: int
) -> None:
    fake.on(UPLOADS, Reply(status, {"Location": "/elsewhere"}))
    with opened(registry(fake.url)) as destination, pytest.raises(RegistryUnavailable):
        put(destination, LAYER)
    assert not fake.asked("/elsewhere")


def test_redirects_end(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(307, {"Location": UPLOADS}))
    with opened(registry(fake.url)) as destination, pytest.raises(CredentialScope, match="redirects"):
        put(destination, LAYER)


@pytest.mark.parametrize("location", ["http://user:pass@127.0.0.1/up", "https://[", ""])
def test_an_address_that_cannot_be_read_is_not_asked(fake: FakeServer, location: str) -> None:
    fake.on(UPLOADS, Reply(202, {"Location": location} if location else {}))
    with opened(registry(fake.url)) as destination, pytest.raises((CredentialScope, RegistryUnavailable)):
        put(destination, LAYER)


def test_plain_http_is_for_this_machine() -> None:
    with opened(registry("http://192.0.2.1")) as destination, pytest.raises(CredentialScope):
        put(destination, LAYER)


# --- a registry that says no -----------------------------------------------------------------------------


def test_a_repository_that_is_not_there_is_not_found(fake: FakeServer) -> None:
    with opened(registry(fake.url)) as destination, pytest.raises(NotFound):
        put(destination, LAYER)


def test_why_it_does_not_take_it_is_said_in_its_words(fake: FakeServer) -> None:
    fake.on(UPLOADS, Reply(405, {}, b'{"errors": [{"code": "UNSUPPORTED", "message": "\\u001b[31m"}]}'))
    with (
        opened(registry(fake.url)) as destination,
        pytest.raises(RegistryUnavailable, match="UNSUPPORTED, HTTP 405"),
    ):
        put(destination, LAYER)


@pytest.mark.parametrize("body", [b"no json", b'{"errors": [{"code": "\\u001b"}]}', b"x" * (64 << 10)])
def test_words_that_are_none_are_not_repeated(fake: FakeServer, body: bytes) -> None:
    fake.on(UPLOADS, Reply(405, {}, body))
    with opened(registry(fake.url)) as destination, pytest.raises(RegistryUnavailable, match="it: HTTP 405"):
        put(destination, LAYER)


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


# --- a line that breaks ----------------------------------------------------------------------------------


class Resuming(FakeServer):
    """A registry that keeps whatever came of an upload when the line broke, as the specification asks."""

    def __init__(self) -> None:
        super().__init__()
        self.received = b""
        self.finished = b""

    def has_noticed(self, cuts: int) -> None:
        """Wait until it took what came before the line broke so often."""
        while sum(len(seen.body) < int(seen.headers.get("content-length", 0)) for seen in self.seen) < cuts:
            time.sleep(0.01)

    def answer(self, request: Seen) -> Reply:
        self.seen.append(request)
        start = request.headers.get("content-range", f"{len(self.received)}").partition("-")[0]
        fits = int(start) == len(self.received)
        self.received += request.body if fits else b""
        here = {"Location": "/up", "Range": f"0-{max(len(self.received) - 1, 0)}"}
        if not fits:
            return Reply(416, here)
        if request.method == "PUT" and len(request.body) == int(request.headers["content-length"]):
            self.finished = self.received
        return Reply({"GET": 204, "PUT": 201}.get(request.method, 202), here)


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


class _Broken(Exception):
    """What ends a run in the middle of a blob."""


def broken(data: bytes, at: int) -> Iterator[bytes]:
    yield data[:at]
    raise _Broken


def test_a_later_run_goes_on_where_the_first_was_broken_off(real: Registry, tmp_path: Path) -> None:
    data = os.urandom(5 << 20)
    to = registry(real.url, uploads=str(tmp_path))
    with pytest.raises(_Broken), opened(to) as destination:
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
    with pytest.raises(_Broken), opened(to) as destination:
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


def test_an_upload_that_has_other_bytes_is_begun_again(real: Registry, tmp_path: Path) -> None:
    """The registry's own digest is the judge of what an earlier run sent."""
    data, to = os.urandom(3 << 20), registry(real.url, uploads=str(tmp_path))
    with pytest.raises(_Broken), opened(to) as destination:
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


@pytest.mark.parametrize("said", ["0-99", "0-99999999", "nonsense"])
def test_a_registry_that_has_something_else_than_was_sent_is_not_gone_on_with(
    fake: FakeServer, said: str
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
    assert "PUT" not in {request.method for request in fake.asked("/up")}


def test_what_is_sent_is_the_blob(fake: FakeServer) -> None:
    assert hashlib.sha256(LARGE).hexdigest() == blob_of(LARGE).digest.hex
