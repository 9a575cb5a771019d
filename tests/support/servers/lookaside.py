# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A lookaside: signature files of a directory over HTTP on loopback, as any static web server has them.

It serves `DIR/<repository>@sha256=<hex>/signature-N`, which is where `skopeo copy --sign-by` writes them when
registries.d names that directory.
"""

import ssl
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from support.servers.loopback import LoopbackServer


class Lookaside(LoopbackServer):
    """`with Lookaside(directory) as lookaside:` then `lookaside.url` is `http://127.0.0.1:PORT`."""

    def __init__(self, directory: Path, named: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.directory = directory
        self.requests: list[str] = []
        handler = partial(_Handler, requests=self.requests, directory=str(directory))
        super().__init__(handler, named, tls)
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def place(self, repository: str, digest: str, *signatures: bytes) -> Path:
        """Write signature-1, -2, … of `digest` (`sha256:<hex>`), and return their directory."""
        place = self.directory / f"{repository}@{digest.replace(':', '=', 1)}"
        place.mkdir(parents=True, exist_ok=True)
        for number, signature in enumerate(signatures, start=1):
            (place / f"signature-{number}").write_bytes(signature)
        return place


class _Handler(SimpleHTTPRequestHandler):
    """Serves files, and remembers the paths that were asked for."""

    def __init__(self, *arguments: object, requests: list[str], directory: str) -> None:
        self._requests = requests
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._requests.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the test's output is the test's."""
