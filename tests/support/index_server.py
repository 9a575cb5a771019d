# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry with a flatpak index, as web servers before registries make one of the two.

    with Registry(tmp_path) as registry, IndexServer(registry.host) as front:
        front.list("demo", document)

`front.host` is the registry that publishers sign for: what lies below /v2/ is asked of the real one.
"""

import http.client
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

PASSED_ON = ("Content-Type", "Content-Length", "Docker-Content-Digest")


class IndexServer:
    """Serves while `with` lasts; `requests` are the addresses that were asked for, with their queries."""

    def __init__(self, registry: str) -> None:
        self.requests: list[str] = []
        self.documents: dict[str, bytes] = {}
        handler = partial(_Handler, registry=registry, owner=self)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def list(self, path: str, document: bytes) -> None:
        """What the index of the registry's part `path` says."""
        self.documents[f"/{path}/index/static"] = document


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, *arguments: object, registry: str, owner: IndexServer) -> None:
        self._registry, self._owner = registry, owner
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._owner.requests.append(self.path)
        path = self.path.partition("?")[0]
        if path.startswith("/v2/"):
            self._pass_on()
        elif path in self._owner.documents:
            self._answer(200, {"Content-Type": "application/json"}, self._owner.documents[path])
        else:
            self._answer(404, {}, b"")

    def _pass_on(self) -> None:
        connection = http.client.HTTPConnection(self._registry, timeout=30)
        try:
            connection.request("GET", self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
            answer = connection.getresponse()
            headers = {name: value for name in PASSED_ON if (value := answer.getheader(name))}
            self._answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the test's output is the test's."""
