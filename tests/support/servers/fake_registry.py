# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A server that answers as a test says: only for what a real registry never does wrong.

    with FakeServer() as server:
        server.on("/v2/demo/manifests/1", Reply(429, {"Retry-After": "3"}), Reply(200, {}, b"{}"))

Each path has replies that are given in turn, the last one for ever; what was asked stands in `seen`. Bodies
may be endless or stall: they end when the client hangs up or the server closes. All addresses are loopback;
127.0.0.2 is another host than 127.0.0.1.
"""

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_BLOCK = b"x" * 65536


@dataclass(frozen=True)
class Reply:
    """One answer. `endless` follows `body` with more for ever, `stall` with silence; both send no length.

    `length` is a Content-Length that lies. The second half of `body` goes out when `until` is set. Header
    values are sent as they are.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    endless: bool = False
    stall: bool = False
    length: int | None = None
    until: threading.Event | None = None


@dataclass(frozen=True)
class Seen:
    """One request that came: header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class FakeServer:
    """`host` is `ADDRESS:PORT`, `url` has the scheme; with `tls` it speaks https."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self._replies: dict[str, list[Reply]] = {}
        self._lock = threading.Lock()
        self._server = _Server((address, 0), _Handler)
        self._server.owner = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.host = f"{address}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on(self, path: str, *replies: Reply) -> None:
        """Give these replies for `path` (without its query), one a request, the last one for ever."""
        self._replies[path] = list(replies)

    def asked(self, path: str) -> list[Seen]:
        """The requests for `path`, in order."""
        return [request for request in self.seen if request.path == path]

    def answer(self, request: Seen) -> Reply:
        """Remember the request, and take the reply that is next for its path; 404 where there is none."""
        with self._lock:
            self.seen.append(request)
            waiting = self._replies.get(request.path, [Reply(404)])
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def loopback_identity(directory: Path, *names: str) -> tuple[ssl.SSLContext, str]:
    """A self-signed certificate for `names` (host names, IP addresses): the server's context and the PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test's server")])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([_general(text) for text in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = directory / "server.pem"
    both.write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, pem.decode()


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


class _Server(ThreadingHTTPServer):
    owner: FakeServer
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # more than come at once, before any is accepted on a busy machine

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are what many of these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the test's output is the test's."""

    def _serve(self) -> None:
        owner = cast("_Server", self.server).owner
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = owner.answer(Seen(self.command, path, query, headers, body))
        self.send_response(reply.status)
        for name, value in self._headers(reply):
            self.send_header(name, value)
        self.end_headers()
        self._send(b"" if self.command == "HEAD" else reply.body, reply.until)
        while reply.endless and not owner.closing.is_set():
            self.wfile.write(_BLOCK)
        if reply.stall:
            owner.closing.wait()

    def _send(self, body: bytes, until: threading.Event | None) -> None:
        half = len(body) // 2 if until else 0
        self.wfile.write(body[:half])
        if until is not None:
            until.wait()
        self.wfile.write(body[half:])

    @staticmethod
    def _headers(reply: Reply) -> Iterator[tuple[str, str]]:
        yield from reply.headers.items()
        if reply.length is not None:
            yield "Content-Length", str(reply.length)
        elif not reply.endless and not reply.stall:
            yield "Content-Length", str(len(reply.body))
        yield "Connection", "close"
