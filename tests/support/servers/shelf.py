# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry that a test can hold up in the middle of a download, or that wants a login for everything.

    with Shelf() as shelf:
        image = shelf.put("demo/slow", [tar])
        shelf.stall_once(image.layers[0])

What a real registry does by itself is left to registry.py; this one is for a moment that must not pass.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from support.servers.fake_registry import FakeServer, Reply, Seen

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
MEETING_SECONDS = 60.0  # until those who should meet are given up


@dataclass(frozen=True)
class Shelved:
    """An image there: `reference` names its digest, `layers` are the paths of its blobs on the server."""

    reference: str
    layers: tuple[str, ...]


class Shelf(FakeServer):
    """Serves plain tars as images; `login` (`user:password`) is what it asks for."""

    def __init__(self, *, login: str = "") -> None:
        super().__init__()
        self._expected = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        self._bodies: dict[str, bytes] = {}
        self._meeting, self._places = threading.Barrier(1), 0
        self._awaited: set[str] = set()
        self._mutex = threading.Lock()

    def put(self, repository: str, tars: Sequence[bytes], labels: Mapping[str, str] | None = None) -> Shelved:
        """Serve an image of these layers."""
        digest = str(self.image(repository, tars, labels)["digest"])
        layers = tuple(f"/v2/{repository}/blobs/{_digest(tar)}" for tar in tars)
        return Shelved(f"{self.host}/{repository}@{digest}", layers)

    def image(
        self,
        repository: str,
        tars: Sequence[bytes],
        labels: Mapping[str, str] | None = None,
        architecture: str = "amd64",
    ) -> dict[str, object]:
        """Serve an image of these layers; its descriptor, as an index has it."""
        platform = {"os": "linux", "architecture": architecture}
        config = {
            **platform,
            "config": {"Cmd": ["/bin/true"], "Labels": dict(labels or {})},
            "rootfs": {"type": "layers", "diff_ids": [_digest(tar) for tar in tars]},
        }
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(repository, json.dumps(config).encode(), CONFIG),
            "layers": [self._blob(repository, tar, LAYER) for tar in tars],
        }
        raw = json.dumps(document).encode()
        self.on(f"/v2/{repository}/manifests/{_digest(raw)}", Reply(200, {"Content-Type": MANIFEST}, raw))
        return {"mediaType": MANIFEST, "digest": _digest(raw), "size": len(raw), "platform": platform}

    def stall_once(self, layer: str) -> None:
        """Send the half of that layer and then nothing, to who asks first; whole to the others."""
        body = self._bodies[layer]
        self.on(layer, Reply(body=body[: len(body) // 2], stall=True), Reply(body=body))

    def meet(self, layers: Sequence[str], number: int) -> None:
        """Answer the first `number` requests for `layers` when all have come; if they never do, with 404."""
        self._meeting, self._places = threading.Barrier(number, timeout=MEETING_SECONDS), number
        self._awaited = set(layers)

    def served(self, layer: str) -> bool:
        """Whether that layer is being sent, or was, to somebody who may have it."""
        return any(self._may(request) for request in self.asked(layer))

    def answer(self, request: Seen) -> Reply:
        """See `FakeServer.answer`."""
        if not self._may(request):
            self.seen.append(request)
            return Reply(401, {"WWW-Authenticate": 'Basic realm="test"'})
        if not self._met(request.path):
            return Reply(404)  # which nobody tries again
        return super().answer(request)

    def _may(self, request: Seen) -> bool:
        return request.headers.get("authorization", "") == self._expected

    def _met(self, path: str) -> bool:
        with self._mutex:
            if path not in self._awaited or not self._places:
                return True
            self._places -= 1
        try:
            self._meeting.wait()
        except threading.BrokenBarrierError:
            return False
        return True

    def _blob(self, repository: str, data: bytes, media_type: str) -> dict[str, object]:
        path = f"/v2/{repository}/blobs/{_digest(data)}"
        self._bodies[path] = data
        self.on(path, Reply(body=data))
        return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
