# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `appctl publish` asks its program, and what comes out, for tests of that program."""

import gzip
import json
from pathlib import Path
from typing import Any

from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.export.publish.publish import publish
from support.images.layouts import blob, named

METADATA = "[Application]\nname=org.example.Pub\ncommand=hello\n"  # of an app that is published
NAME = "registry.example.org/pub/x:1"
UNSIGNED: JsonObject = {"identity": "", "gpg": "", "cosign": "", "lookaside": ""}
TIME = 1_700_000_000


def directory(path: Path, **more: Json) -> JsonObject:
    """A directory as a source."""
    return {
        "directory": str(path),
        "owner": {"uid": 0, "gid": 0},
        "timestamp": TIME,
        "version": "1.0",
        **more,
    }


def commit(repo: Path, rev: str) -> JsonObject:
    """A commit as a source."""
    return {"repo": str(repo), "commit": rev}


def request(source: JsonObject, to: Path, form: str = "ostree", **more: Json) -> JsonObject:
    """What the program is asked, to write to a layout; `more` is in the place of what would be there."""
    return {
        "op": "publish", "fds": {}, "source": source, "form": form, "labels": {}, "entrypoint": [],
        "platform": {"os": "linux", "architecture": "amd64"}, "chunked": False, "map": "",
        "to": {"kind": "directory", "path": str(to)}, "name": NAME, "sign": UNSIGNED, **more,
    }  # fmt: skip


def published(source: JsonObject, to: Path, form: str = "ostree", **more: Json) -> JsonObject:
    """Publish to a layout; the answer."""
    return publish(request(source, to, form, **more), lambda _: None)


class Layout:
    """A layout's documents."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def index(self) -> dict[str, str]:
        """Digests by name."""
        return {name: entry["digest"] for name, entry in named(self.path).items()}

    def blob(self, digest: str) -> bytes:
        """A blob's bytes."""
        return blob(self.path, digest).read_bytes()

    def manifest(self, name: str = NAME) -> Any:  # noqa: ANN401 - JSON
        """An image's manifest."""
        return json.loads(self.blob(self.index[name]))

    def config(self, name: str = NAME) -> Any:  # noqa: ANN401 - JSON
        """An image's config."""
        return json.loads(self.blob(self.manifest(name)["config"]["digest"]))

    def layers(self, name: str = NAME) -> list[bytes]:
        """The tars of an image."""
        return [gzip.decompress(self.blob(layer["digest"])) for layer in self.manifest(name)["layers"]]
