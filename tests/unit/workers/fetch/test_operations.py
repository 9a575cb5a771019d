# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The worker as a program, and how it treats its descriptor."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import AppctlError, Failed, NotFound
from appctld.model.jsonvalue import JsonObject
from appctld.model.manifest import OCI_MANIFEST
from appctld.workers.fetch.__main__ import HANDLERS
from support.servers.fake_registry import FakeServer, Reply
from support.workers.fetching import AMD64, endpoint

MANIFEST = "/v2/demo/plain/manifests/1"
BLOB = "sha256:" + "b" * 64
DAEMON = Path(__file__).parents[4] / "daemon"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        running.on(MANIFEST, Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
        running.on(f"/v2/demo/plain/blobs/{BLOB}", Reply(200, {}, b"x" * 1_000_000))
        yield running


def closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("resolve", {"reference": "1", "platform": AMD64}),
        ("resolve", {"reference": "2", "platform": AMD64}),
        ("resolve", {"registry": "rubbish"}),
        ("blob", {"digest": "rubbish"}),
        ("signatures", {"lookaside": "rubbish"}),
    ],
)
def test_the_descriptor_is_closed_in_every_case(
    server: FakeServer, operation: str, members: JsonObject
) -> None:
    number = os.memfd_create("out")
    with contextlib.suppress(AppctlError, ValueError):
        HANDLERS[operation]({**endpoint(server.url), **members, "fds": {"out": number}}, lambda _: None)
    assert closed(number)


def test_a_reader_that_is_gone_ends_the_download(server: FakeServer) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    request: JsonObject = {**endpoint(server.url), "digest": BLOB, "size": 1_000_000, "fds": {"out": writer}}
    with pytest.raises(Failed, match="reader"):
        HANDLERS["blob"](request, lambda _: None)


def run(request: JsonObject) -> tuple[list[JsonObject], bytes, str]:
    """Run the worker as a program: its answer lines, what it wrote to `out`, its standard error."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "appctld.workers.fetch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[writer],
            env={**os.environ, "PYTHONPATH": str(DAEMON)},
        )
        os.close(writer)
        assert process.stdin is not None
        process.stdin.write(json.dumps({**request, "fds": {"out": writer}}).encode() + b"\n")
        process.stdin.close()
        written = out.read()
        process.stdin = None
        answers, noise = process.communicate()
    return [json.loads(line) for line in answers.splitlines()], written, noise.decode()


def test_as_a_program_it_streams_a_blob(server: FakeServer) -> None:
    answers, written, _ = run({**endpoint(server.url), "op": "blob", "digest": BLOB, "size": 1_000_000})
    assert written == b"x" * 1_000_000
    assert answers[-1] == {"result": {"size": 1_000_000}}
    assert answers[-2] == {"progress": {"bytes": 1_000_000}}


def test_as_a_program_its_errors_are_leaves(server: FakeServer) -> None:
    request = {**endpoint(server.url), "op": "resolve", "reference": "2", "platform": AMD64}
    (answer,), written, _ = run(request)
    assert isinstance(answer["error"], list)
    assert answer["error"][0] == NotFound.__name__
    assert written == b""


def test_no_credential_is_printed_or_logged(server: FakeServer) -> None:
    server.on(MANIFEST, Reply(307, {"Location": "/x?signature=top-secret"}))
    server.on("/x", Reply(200, {"X": "y\r\nno header line: urllib3 warns, with the address"}))
    members = endpoint(server.url, credential={"username": "user", "password": "top-secret"})
    answers, _, noise = run({**members, "op": "resolve", "reference": "1", "platform": AMD64})
    assert "error" in answers[-1]
    assert len(server.asked("/x")) == 1
    assert "top-secret" not in noise + json.dumps(answers)
