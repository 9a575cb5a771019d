# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What pushes meet: a registry that keeps what came before a line broke, contents that end too early."""

import json
import os
import subprocess
import time
from collections.abc import Iterator

from appctld.model.jsonvalue import JsonObject
from support.servers.fake_registry import FakeServer, Reply, Seen

LATE = 60.0  # seconds after which a test hangs
PIECE = 1 << 20  # bytes of a piece in tests
LARGE = os.urandom(PIECE) * 3
LOGIN: JsonObject = {"username": "alice", "password": "secret"}
UPLOADS = "/v2/demo/plain/blobs/uploads/"


def inspect(host: str, name: str, *options: str) -> dict[str, object]:
    command = ["skopeo", "inspect", "--tls-verify=false", *options, f"docker://{host}/{name}"]
    done: dict[str, object] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return done


class Resuming(FakeServer):
    """A registry that keeps whatever came of an upload when the line broke, as the specification asks."""

    def __init__(self) -> None:
        super().__init__()
        self.received = b""
        self.finished = b""

    def has_noticed(self, cuts: int) -> None:
        """Wait until it took what came before the line broke so often."""
        until = time.monotonic() + LATE
        while sum(len(seen.body) < int(seen.headers.get("content-length", 0)) for seen in self.seen) < cuts:
            assert time.monotonic() < until, f"it took no part of a request {cuts} times"
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


class Broken(Exception):
    """What ends a run in the middle of a blob."""


def broken(data: bytes, at: int) -> Iterator[bytes]:
    """The content of a blob up to there."""
    yield data[:at]
    raise Broken
