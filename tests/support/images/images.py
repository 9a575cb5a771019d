# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""OCI images, built with umoci from layer directories or tar files into an OCI layout that skopeo can push.

    layout = Layout(tmp_path / "images")
    layout.build("1", [tmp_path / "base", tmp_path / "program"], Settings(entrypoint=("/usr/bin/greet",)))
    registry.push(layout.source("1"), "demo/greeter:1")

A layer directory is what the layer's tar holds: whiteouts are files of that name (`.wh.old`, `.wh..wh..opq`).
A tar file is taken byte for byte, so that hostile archives become images as well. The registry and signatures
are in registry.py and keys.py.
"""

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.images.layouts import named

CREATED = datetime(
    2024, 1, 1, tzinfo=UTC
)  # a fixed time, so that equal layers have equal digests in every run


@dataclass(frozen=True)
class Settings:
    """What the image's config says beside its layers; each name is that of the OCI image specification."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = ""
    volumes: tuple[str, ...] = ()
    user: str = ""
    created: datetime = CREATED
    architecture: str = ""  # "" is this machine's


class Layout:
    """An OCI layout directory with one image a tag."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        if not (directory / "oci-layout").exists():
            if directory.exists():
                directory.rmdir()  # umoci wants to make it
            _umoci("init", "--layout", str(directory))

    def source(self, tag: str) -> str:
        """What skopeo calls the image: `oci:DIR:TAG`."""
        return f"oci:{self.directory}:{tag}"

    def build(
        self, tag: str, layers: Iterable[Path], settings: Settings | None = None, *, base: str = ""
    ) -> str:
        """Make the image `tag`: `layers`, lowest first, on top of the image `base`; return its digest."""
        if base:
            _umoci("tag", "--image", self._image(base), tag)
        else:
            _umoci("new", "--image", self._image(tag))
        for layer in layers:
            self._add_layer(tag, layer)
        self.configure(tag, settings or Settings())
        return self.digest(tag)

    def configure(self, tag: str, settings: Settings) -> None:
        """Write `settings` into the config of `tag`; what is empty stays as it was."""
        options = [("--created", settings.created.isoformat())]
        options += [("--config.entrypoint", word) for word in settings.entrypoint]
        options += [("--config.cmd", word) for word in settings.cmd]
        options += [("--config.env", f"{name}={value}") for name, value in settings.env.items()]
        options += [("--config.label", f"{name}={value}") for name, value in settings.labels.items()]
        options += [("--config.workingdir", settings.working_dir)] if settings.working_dir else []
        options += [("--config.volume", place) for place in settings.volumes]
        options += [("--config.user", settings.user)] if settings.user else []
        options += [("--architecture", settings.architecture)] if settings.architecture else []
        words = [word for option in options for word in option]
        _umoci("config", "--no-history", "--image", self._image(tag), *words)

    def digest(self, tag: str) -> str:
        """The digest of the manifest of `tag`, `sha256:<hex>`."""
        return str(named(self.directory)[tag]["digest"])

    def manifest(self, tag: str) -> dict[str, Any]:
        """The manifest of `tag`, parsed."""
        return self._document(self.digest(tag))

    def config(self, tag: str) -> dict[str, Any]:
        """The config of `tag`, parsed."""
        return self._document(self.manifest(tag)["config"]["digest"])

    def blob(self, digest: str) -> Path:
        """The file of the blob `sha256:<hex>`."""
        algorithm, _, hexadecimal = digest.partition(":")
        return self.directory / "blobs" / algorithm / hexadecimal

    def layer_sizes(self, tag: str) -> list[int]:
        """The compressed size of each layer of `tag` in bytes, lowest layer first."""
        return [layer["size"] for layer in self.manifest(tag)["layers"]]

    def _add_layer(self, tag: str, layer: Path) -> None:
        if not layer.is_dir():
            _umoci("raw", "add-layer", "--image", self._image(tag), str(layer))
            return
        archive = self.directory / "layer.tar"
        pack(layer, archive)
        _umoci("raw", "add-layer", "--image", self._image(tag), str(archive))
        archive.unlink()

    def _image(self, tag: str) -> str:
        return f"{self.directory}:{tag}"

    def _document(self, digest: str) -> dict[str, Any]:
        content = self.blob(digest).read_bytes()
        assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
        document: dict[str, Any] = json.loads(content)
        return document


def pack(directory: Path, archive: Path) -> None:
    """Write the tar file of a layer directory: sorted, owned by 0:0, one time for all, the root as `./`."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(directory, arcname="./", filter=_normal)


def _normal(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = int(CREATED.timestamp())
    return member


def _umoci(*arguments: str) -> None:
    subprocess.run(["umoci", "--log=error", *arguments], check=True)
