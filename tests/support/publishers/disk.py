# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A directory of images as somebody brings it along: filled by skopeo, signed beside the images.

disk = Disk(tmp_path / "disk", built, keys)
disk.sign(disk.put("v1"), key, "quay.io/acme/greeter:stable")
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from appctld.trust.evidence import Attachment
from support.images.images import Layout
from support.images.layouts import NAME, blob
from support.publishers.attachments import MANIFEST, layer, manifest, simple_layer
from support.signatures.keys import Keys


class Disk:
    """A directory of images and signatures, and archives of it."""

    def __init__(self, directory: Path, built: Layout, keys: Keys) -> None:
        self.directory, self._built, self._keys = directory, built, keys

    def put(self, tag: str, name: str = "stable") -> str:
        """Copy an image there, as skopeo does; its digest."""
        skopeo("copy", self._built.source(tag), f"oci:{self.directory}:{name}")
        return self._built.digest(tag)

    def sign(self, digest: str, key: str, identity: str) -> Path:
        """Put a signature beside the images."""
        repository = identity.partition("/")[2].rpartition(":")[0]
        place = self.directory / f"lookaside/{repository}@{digest.replace(':', '=')}"
        place.mkdir(parents=True, exist_ok=True)
        signature = place / f"signature-{len(list(place.iterdir())) + 1}"
        manifest = blob(self.directory, digest)
        command = ["skopeo", "standalone-sign", str(manifest), identity, key, "--output", str(signature)]
        environment = {**os.environ, "GNUPGHOME": str(self._keys.home)}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return signature

    def attach(self, digest: str, found: Attachment) -> None:
        """Put a signature of cosign's there, as copying its tag would."""
        document = manifest(simple_layer(found))
        for data in (document, found.payload, b"{}"):
            name = hashlib.sha256(data).hexdigest()
            (self.directory / "blobs/sha256" / name).write_bytes(data)
        index = json.loads((self.directory / "index.json").read_text())
        tag = {NAME: f"{digest.replace(':', '-')}.sig"}
        index["manifests"].append({**layer(document, MANIFEST), "annotations": tag})
        (self.directory / "index.json").write_text(json.dumps(index))

    def archive(self) -> str:
        """The whole directory in one file, by tar(1)."""
        path = self.directory.with_suffix(".tar")
        names = [entry.name for entry in self.directory.iterdir()]
        subprocess.run(["tar", "-C", str(self.directory), "-cf", str(path), *names], check=True)
        return f"oci-archive:{path}"


def skopeo(*words: str) -> None:
    """Run it quietly, without its own policy."""
    command = ["skopeo", "--insecure-policy", words[0], "--quiet", *words[1:]]
    subprocess.run(command, check=True, capture_output=True)
