# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""flatpak's OCI install: an image that it takes, the index that it wants, and `flatpak install --user` of it.

flatpak takes images of one layer whose files lie below `files/`, from a registry that an index server names,
and no others; so it gets the same application's layer under other names, and nothing below it. It checks no
signature on OCI remotes.
"""

import base64
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from inputs.layer import Layer, rewrite_layer
from measure.cost import Cost, command

ID = "org.example.Bench"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Its authenticator is started by a session bus, and its parental controls ask the system's
_ON_A_BUS = 'DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS exec flatpak --user "$@"'
_FLATPAK = ("dbus-run-session", "--", "sh", "-c", _ON_A_BUS, "flatpak")
_METADATA = f"[Application]\nname={ID}\nruntime=org.example.Platform/{os.uname().machine}/1\n"
LABELS = {
    "org.flatpak.ref": f"app/{ID}/{os.uname().machine}/stable",
    "org.flatpak.metadata": _METADATA,
    # a GVariant of type v that holds the string
    "org.flatpak.commit-metadata.xa.metadata": base64.b64encode(f"{_METADATA}\0\0s".encode()).decode(),
}


def taken(layer: Layer, place: Path) -> Layer:
    """The layer as flatpak takes it, in `place`."""
    metadata = tarfile.TarInfo("metadata")
    metadata.size = len(_METADATA)
    return rewrite_layer(
        layer.blob, place / "flatpak.tar.gz", _below_files, (metadata, io.BytesIO(_METADATA.encode()))
    )


def _below_files(member: tarfile.TarInfo) -> None:
    member.name = f"files/{member.name}"
    if member.islnk():
        member.linkname = f"files/{member.linkname}"


def is_here() -> bool:
    """Whether there is a flatpak."""
    return shutil.which("flatpak") is not None


def install(registry: str, image: str, digest: str, place: Path) -> Cost:
    """Install an image of `taken` with LABELS into an installation of its own.

    `image` is `repository:tag` at `registry` (`http://HOST`), `digest` its manifest's.
    """
    places = {"HOME": place / "home", "FLATPAK_USER_DIR": place / "flatpak", "XDG_RUNTIME_DIR": place / "run"}
    for path in places.values():
        path.mkdir(mode=0o700)
    environment = {name: str(path) for name, path in places.items()}
    with _index(registry, image, digest) as url:
        command([*_FLATPAK, "remote-add", "bench", f"oci+{url}"], env=environment)
        words = ["--noninteractive", "--no-deps", "--no-related", "bench", ID]
        return command([*_FLATPAK, "install", *words], env=environment)


@contextmanager
def _index(registry: str, image: str, digest: str) -> Iterator[str]:
    """The one document that flatpak asks an index server for."""
    repository, _, tag = image.rpartition(":")
    found = {
        "Tags": [tag],
        "Digest": digest,
        "MediaType": "application/vnd.oci.image.manifest.v1+json",
        "OS": "linux",
        "Architecture": _ARCHITECTURES.get(os.uname().machine, os.uname().machine),
        "Labels": LABELS,
    }
    index = {"Registry": registry, "Results": [{"Name": repository, "Images": [found], "Lists": []}]}
    body = json.dumps(index).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
