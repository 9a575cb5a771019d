# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
r"""An image that lint has nothing against, and ways to spoil it; written into a layout by hand.

specimen = Specimen(tmp_path / "images")
specimen.files["usr/bin/greet"] = File(b"#!/bin/sh\n", 0o644)
specimen.write()
"""

import gzip
import io
import json
import struct
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from appctld.model.jsonvalue import JsonObject, get_int, get_objects
from appctld.workers.lint.examine import lint
from support.publishers.attachments import manifest, simple_layer
from support.signatures.cosign import CosignKey
from support.workers.shelves import Shelf

ID = "org.example.Greeter"
REFERENCE = "registry.example.org/apps/greeter:1"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
METADATA = f"[Application]\nname={ID}\ncommand=/usr/bin/greet\n\n[Context]\nshared=network;\n"
DESKTOP = f"[Desktop Entry]\nType=Application\nName=Greeter\nExec=greet\nIcon={ID}\nCategories=Utility;\n"
METAINFO = f"""<?xml version="1.0" encoding="UTF-8"?>
<component type="desktop-application">
  <id>{ID}</id>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>MIT</project_license>
  <name>Greeter</name>
  <summary>Says hello to whoever starts it</summary>
  <developer id="org.example"><name>The example authors</name></developer>
  <description><p>A program that says hello to whoever starts it, and ends at once.</p></description>
  <launchable type="desktop-id">{ID}.desktop</launchable>
  <url type="homepage">https://example.org/</url>
  <content_rating type="oars-1.1"/>
  <releases><release version="1.0" date="2024-01-01"/></releases>
</component>
"""
KEY = CosignKey()


@dataclass(frozen=True)
class File:
    """What a tar has at a path."""

    data: bytes = b""
    mode: int = 0o644
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    xattrs: dict[str, str] = field(default_factory=dict)


def png(width: int, height: int) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\0" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class Specimen:
    """Change what it has, and `write` it."""

    def __init__(self, directory: Path) -> None:
        self.shelf = Shelf(directory)
        self.labels: dict[str, str] = {"org.appctl.id": ID, "org.appctl.metadata": METADATA}
        self.run: dict[str, object] = {}
        self.name = REFERENCE
        self.identity = REFERENCE
        self.signed = True
        self.created = ""
        self.layer_type = f"{LAYER}+gzip"
        self.above: dict[str, File] = {}
        self.diff_id = ""
        self.more_diff_ids: list[str] = []
        self.packing = ""  # what the layers really are, if not what the manifest says
        self.size_lie = 0  # how much larger the manifest says that a layer is
        share = "usr/share"
        self.files: dict[str, File] = {
            "usr/bin/greet": File(b"#!/bin/sh\necho hello\n", 0o755),
            "app/metadata": File(METADATA.encode()),
            f"{share}/applications/{ID}.desktop": File(DESKTOP.encode()),
            f"{share}/metainfo/{ID}.metainfo.xml": File(METAINFO.encode()),
            f"{share}/icons/hicolor/128x128/apps/{ID}.png": File(png(128, 128)),
            f"{share}/icons/hicolor/scalable/apps/{ID}.svg": File(
                b"<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'/>"
            ),
        }

    def write(self) -> str:
        """Put it into the layout; the manifest's digest."""
        tars = [tar_of(files) for files in (self.files, self.above) if files]
        ids = [self.diff_id or _digest(data) for data in tars]
        config = {
            "os": "linux",
            "architecture": "amd64",
            **({"created": self.created} if self.created else {}),
            "config": {"Labels": self.labels, **self.run},
            "rootfs": {"type": "layers", "diff_ids": [*ids, *self.more_diff_ids]},
        }
        document = {
            "schemaVersion": 2,
            "config": self.shelf.blob(json.dumps(config).encode(), CONFIG),
            "layers": [self._layer(data) for data in tars],
        }
        digest = self.shelf.add(self.name, json.dumps(document).encode())
        if self.signed:
            self._sign(digest)
        return digest

    def _layer(self, data: bytes) -> JsonObject:
        blob = self.shelf.blob(self._packed(data), self.layer_type)
        return {**blob, "size": get_int(blob, "size") + self.size_lie}

    def _packed(self, data: bytes) -> bytes:
        match (self.packing or self.layer_type).rpartition("+")[2]:
            case "gzip":
                return gzip.compress(data, mtime=0)
            case "zstd":
                import zstandard  # noqa: PLC0415 - of one test

                return zstandard.compress(data)
            case _:
                return data

    def _sign(self, digest: str) -> None:
        """As cosign does, in the same layout."""
        one = KEY.attach(digest, self.identity)
        for data in (one.payload, b"{}"):
            self.shelf.blob(data)
        self.shelf.add(f"{digest.replace(':', '-')}.sig", manifest(simple_layer(one)))


def examined(specimen: Specimen, **place: str) -> list[JsonObject]:
    """What lint finds in its layout."""
    where: JsonObject = {"kind": "directory", "path": str(specimen.shelf.directory), **place}
    return get_objects(lint({"from": where}, lambda _facts: None), "findings")


def codes(findings: list[JsonObject]) -> set[str]:
    """Each code once."""
    return {str(one["code"]) for one in findings}


def tar_of(files: dict[str, File]) -> bytes:
    """The archive of one layer; directories are there by themselves."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, file in files.items():
            member = tarfile.TarInfo(path)
            member.type, member.mode, member.linkname = file.kind, file.mode, file.target
            member.size = len(file.data)
            member.pax_headers = {f"SCHILY.xattr.{name}": value for name, value in file.xattrs.items()}
            archive.addfile(member, io.BytesIO(file.data))
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    from support.workers.inline import digest_of  # noqa: PLC0415 - imports the store

    return digest_of(data)
