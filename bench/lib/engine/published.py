# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher with images of given layers: a real registry on loopback, signatures on a web server, a key.

Guarantees that every byte a client downloads is counted where it is served.
"""

import http.client
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from inputs.layer import Layer
from inputs.layout import Layout
from support.publishers.publisher import Publisher

APP_ID = "org.example.Bench"
NAME = "bench/app"
_WRITTEN = re.compile(r"http\.response\.written=([0-9]+)")
_COMPLETED = 'msg="response completed"'
_LOG_SECONDS = 0.2  # the registry writes its log after it answered


class Published:
    """Serves from a new directory while `with` lasts; every image's tags are signed."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._log = directory / "registry/registry.log"
        self._publisher = Publisher(directory)
        self._layout = Layout(self._publisher.layout.directory)
        self._stack = ExitStack()
        self.key = directory / "key.asc"
        self._signer = ""

    def __enter__(self) -> Self:
        self._stack.enter_context(self._publisher)
        self._signer = self._publisher.keys.make("bench")
        self.key.write_bytes(self._publisher.keys.export(self._signer, armor=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """What `appctl remote add` takes."""
        return f"oci+http://{self._publisher.registry.host}/{NAME.partition('/')[0]}"

    @property
    def lookaside(self) -> str:
        """Where the signatures are."""
        return self._publisher.lookaside.url

    @property
    def registry(self) -> str:
        """The registry's own URL."""
        return self._publisher.registry.url

    def image(self, tag: str) -> str:
        """The reference of a tag, without transport."""
        return f"{self._publisher.registry.host}/{NAME}:{tag}"

    def push(
        self,
        tag: str,
        layers: Sequence[Layer],
        *tags: str,
        minute: int = 0,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Publish an image, signed as `tag` and as each of `tags`; its manifest's digest."""
        digest = self._layout.add(tag, layers, minute=minute, labels=labels or {"org.appctl.id": APP_ID})
        for name in (tag, *tags):
            self._publisher.push(tag, f"{NAME}:{name}", self._signer)
        return digest

    def point(self, tag: str, at: str) -> None:
        """Let `tag` name what was pushed as `at`, and was signed as `tag`."""
        connection = http.client.HTTPConnection(self._publisher.registry.host)
        body = self._layout.manifest_blob(at).read_bytes()
        kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
        connection.request("PUT", f"/v2/{NAME}/manifests/{tag}", body, kind)
        if connection.getresponse().status != http.client.CREATED:
            raise RuntimeError(f"the registry does not let {tag} name {at}")
        connection.close()

    def size_of_update(self, tag: str) -> int:
        """Bytes of the uppermost layer of `tag`, its manifest, its config and its signature."""
        manifest = self._layout.manifest(tag)
        signature = next(self._publisher.lookaside.directory.rglob(f"*{self._digest(tag)}/signature-1"))
        return int(manifest["layers"][-1]["size"] + manifest["config"]["size"]) + sum(
            path.stat().st_size for path in (self._layout.manifest_blob(tag), signature)
        )

    def _digest(self, tag: str) -> str:
        return self._layout.manifest_blob(tag).name

    def served(self) -> int:
        """Bytes of bodies that were downloaded until now."""
        time.sleep(_LOG_SECONDS)
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if _COMPLETED in line]
        registry = sum(int(size) for line in lines for size in _WRITTEN.findall(line))
        root = self._publisher.lookaside.directory
        files = [root / path.lstrip("/") for path in self._publisher.lookaside.requests]
        return registry + sum(path.stat().st_size for path in files if path.is_file())
