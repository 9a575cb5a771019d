# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One image that is looked into: its config, its files, and the contents of the few that are wanted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from appctld.errors import AppctlError
from appctld.model.appid import is_app_id
from appctld.model.digest import Digest
from appctld.model.flatpak.labels import describe, metadata_told
from appctld.model.image import APP_ID, CONFIG_BYTES, ImageConfig, config_of
from appctld.model.manifest import Manifest
from appctld.model.permissions import Metadata, metadata_in, parse_metadata
from appctld.model.reference import Reference
from appctld.workers.images.layers import Blobs
from appctld.workers.images.listings import Listings
from appctld.workers.images.tree import Node, Tree
from appctld.workers.store.archive.entry import Entry, Type
from appctld.workers.store.archive.tar import TarReader

CONTENT_BYTES = (
    1 << 20
)  # of one file that is looked into: icons have 100 KiB, metainfo with all languages some
SHARES = ("usr/share", "app/share", "export/share")  # of images on their own, on a runtime, of flatpak


@dataclass
class Image:
    """`reference` is what it is called, where that is a whole reference.

    `changed` are the layers that are not what the config says, unpacked: (said, found).
    """

    blobs: Blobs
    manifest: Manifest
    config: ImageConfig
    reference: Reference | None
    tree: Tree = field(default_factory=Tree)
    entries: list[Entry] = field(default_factory=list)
    changed: list[tuple[Digest, Digest]] = field(default_factory=list)

    @classmethod
    def configured(cls, blobs: Blobs, manifest: Manifest, reference: Reference | None) -> Self:
        """Read the config alone: the tree is empty until `read_layers`. Raises BadManifest."""
        config = config_of(blobs.open(manifest.config).read(CONFIG_BYTES + 1), manifest.layers)
        return cls(blobs, manifest, config, reference)

    @classmethod
    def read(cls, blobs: Blobs, manifest: Manifest, reference: Reference | None) -> Self:
        """Read config and layers. Raises what appctl would refuse it with, but for `changed`."""
        image = cls.configured(blobs, manifest, reference)
        image.read_layers(Listings())
        return image

    def read_layers(self, listings: Listings) -> None:
        """Fill the tree, once, of layers that are read, but those in `listings`."""
        layers = zip(self.manifest.layers, self.config.diff_ids, strict=True)
        for number, (blob, diff_id) in enumerate(layers):
            listing = listings.of(self.blobs, blob, diff_id)
            if listing.diff_id != diff_id:
                self.changed.append((diff_id, listing.diff_id))
            self.tree.add(listing.entries, number)
            self.entries += listing.entries

    def contents(self, paths: Iterable[str], limit: int = CONTENT_BYTES) -> dict[str, bytes]:
        """The bytes of regular files, as far as they are there and not larger than `limit`."""
        wanted: dict[int, dict[tuple[str, ...], list[str]]] = {}
        for path in paths:
            node = self.tree.find(path)
            if node is not None and node.entry.type is Type.FILE and node.entry.size <= limit:
                wanted.setdefault(node.layer, {}).setdefault(node.entry.path, []).append(path)
        found: dict[str, bytes] = {}
        for layer, theirs in wanted.items():
            reader = TarReader(self.blobs.unpacked(self.manifest.layers[layer]))
            for entry in reader.entries():
                if entry.path in theirs:
                    data = b"".join(map(bytes, reader.content()))
                    found |= dict.fromkeys(theirs[entry.path], data)
        return found

    @property
    def label(self) -> str | None:
        """The label with the metadata, as an installation takes it. Raises BadManifest."""
        return self._told[0]

    @cached_property
    def metadata_file(self) -> str | None:
        """The text of the tree's own metadata file, of those that count. Raises BadManifest."""
        files = self._told[1]
        data = metadata_in(self.contents(files), files)
        return None if data is None else data.decode("utf-8", "replace")

    @cached_property
    def _told(self) -> tuple[str | None, tuple[str, ...]]:
        return metadata_told(self.config)

    @cached_property
    def metadata(self) -> Metadata | None:
        """What label or file say; None where there is none, or it cannot be read."""
        text = self.label or self.metadata_file
        try:
            return parse_metadata(text) if text is not None else None
        except AppctlError:
            return None

    @cached_property
    def id(self) -> str:
        """What a label names it, if that may be an ID; empty otherwise."""
        named = self.config.label(APP_ID) or (self.metadata.name if self.metadata and self.label else "")
        return named if is_app_id(named) else ""

    @property
    def own(self) -> Iterable[tuple[str, Node]]:
        """Every path; of a commit's objects only where they are really to be."""
        return ((path, node) for path, node in self.tree.below("/") if not path.startswith("sysroot/ostree"))


def share_of(image: Image) -> str:
    """Where an installation looks for what desktops read; empty for what nobody starts.

    Raises as `describe`.
    """
    described = describe(image.config)
    if described.is_runtime:
        return ""
    if described.is_flatpaks:
        return SHARES[2]
    return SHARES[1] if image.metadata and image.metadata.runtime else SHARES[0]
