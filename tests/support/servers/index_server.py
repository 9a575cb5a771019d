# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry with a flatpak index, as web servers before registries make one of the two.

    with Registry(tmp_path) as registry, IndexServer(registry.host) as front:
        front.list("demo", document)

`front.host` is the registry that publishers sign for: what lies below /v2/ is asked of the real one.
"""

import http.client
from functools import partial
from http.server import BaseHTTPRequestHandler

from support.servers.loopback import LoopbackServer

PASSED_ON = ("Content-Type", "Content-Length", "Docker-Content-Digest")


class IndexServer(LoopbackServer):
    """Serves while `with` lasts; `requests` are the addresses that were asked for, with their queries."""

    def __init__(self, registry: str) -> None:
        self.requests: list[str] = []
        self.documents: dict[str, bytes] = {}
        super().__init__(partial(_Handler, registry=registry, owner=self))

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
