# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher in one piece: a registry, signatures on a web server, keys, and skopeo to push images.

    with Publisher(tmp_path) as publisher:
        key = publisher.keys.make("publisher")
        publisher.push("v1", "demo/greeter:stable", key)

Everything is real and on loopback, and gone at the end. Images come from images.py, signatures from skopeo.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from support.images.images import CREATED, Layout, Settings
from support.servers.lookaside import Lookaside
from support.servers.registry import Registry
from support.signatures.keys import Keys


class Publisher:
    """Serves from `directory` while `with` lasts; images are built in its `layout`.

    `registry` and `lookaside` are for such as are called otherwise than by an address of loopback.
    """

    def __init__(
        self, directory: Path, registry: Registry | None = None, lookaside: Lookaside | None = None
    ) -> None:
        self.directory = directory
        self.registry = registry or Registry(_made(directory / "registry"))
        self.lookaside = lookaside or Lookaside(_made(directory / "signatures"))
        self.layout = Layout(directory / "images")
        self.keys = Keys()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for part in (self.registry, self.lookaside, self.keys):
            self._stack.enter_context(part)
        places = {"lookaside-staging": f"file://{self.lookaside.directory}"}
        document = json.dumps({"docker": {self.registry.host: places}})  # JSON is YAML
        (_made(self.directory / "registries.d") / "loopback.yaml").write_text(document)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def command(self, tag: str, name: str, key: str) -> list[str]:
        """The skopeo command, for `directory` as working directory, that pushes and signs.

        `tag` is the layout's, `name` is `repository:tag`, `key` a fingerprint of `keys`.
        """
        source, target = f"oci:{self.layout.directory.name}:{tag}", f"docker://{self.registry.host}/{name}"
        command = ["skopeo", "--insecure-policy", "--registries.d=registries.d", "copy", "--quiet"]
        return [*command, "--dest-tls-verify=false", f"--sign-by={key}", source, target]

    def push(self, tag: str, name: str, key: str) -> None:
        """Push the image `tag` of the layout as `name`, signed with `key`."""
        environment = {**os.environ, "GNUPGHOME": str(self.keys.home)}
        subprocess.run(self.command(tag, name, key), cwd=self.directory, env=environment, check=True)

    def push_version(
        self,
        tag: str,
        name: str,
        metadata: str,
        key: str,
        day: int,
        *,
        labels: Mapping[str, str] | None = None,
        **files: bytes,
    ) -> None:
        """Push `v1` of the layout with that metadata file, signed; `day` says how young it is.

        `v1` is of day 1. Its labels tell the metadata, and `tag` as the version, unless others are given.
        """
        layer = self.directory / "versions" / tag
        (layer / "app").mkdir(parents=True)
        (layer / "app/metadata").write_text(metadata)
        for file, data in files.items():
            (layer / file).write_bytes(data)
        told = {"org.appctl.metadata": metadata, "org.opencontainers.image.version": tag}
        created = CREATED + timedelta(days=day)
        settings = Settings(labels=told if labels is None else labels, created=created)
        self.layout.build(tag, [layer], settings, base="v1")
        self.push(tag, name, key)


def _made(path: Path) -> Path:
    path.mkdir()
    return path
