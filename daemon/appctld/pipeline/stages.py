# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The pipeline's values: what each step took from the step before, and nothing it could do without.

`Reference -> Resolved -> Verified -> Planned -> FetchedLayer -> ImportedLayer -> Merged -> Deployed`. Each
type is constructed in exactly one function (a test reads the syntax tree), so holding a value proves that its
step was done: skipping verification is a type error. No value is written to disk and read back.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from appctld.config.remote import Remote
from appctld.model.digest import Digest
from appctld.model.flatpak.labels import Described, installed_size_of
from appctld.model.image import ImageConfig
from appctld.model.manifest import LAYER_BYTES, Descriptor, Manifest
from appctld.model.order import Moment, Place
from appctld.model.permissions import Permission
from appctld.model.published import PublishedCommit, Reading, Use
from appctld.model.reference import Reference
from appctld.state.paths import layer_refs
from appctld.state.records import Record
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Verdict


@dataclass(frozen=True, slots=True)
class IndexDocument:
    """The bytes of an index, and the digest that we computed of them."""

    raw: bytes
    media_type: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Resolved:
    """The bytes that the registry gave for a reference. Nothing in `manifest` was looked at yet.

    `index` is the document that named the manifest, where the reference led to one.
    """

    reference: Reference
    remote: Remote
    manifest: bytes
    media_type: str
    digest: Digest
    index: IndexDocument | None


@dataclass(frozen=True, slots=True)
class Verified:
    """A manifest that this remote's keys vouch for, under this reference; `evidence` is what did it."""

    resolved: Resolved
    manifest: Manifest
    verdict: Verdict
    evidence: Evidence


class Source(StrEnum):
    """Where a layer comes from."""

    HELD = "held"  # this remote has it here
    SHARED = "shared"  # another remote brought it, and R5 lets this one have it
    MISSING = "missing"  # it must be downloaded


@dataclass(frozen=True, slots=True)
class PlannedLayer:
    """One distinct layer of an image, and where it comes from. `commit` is empty when it is missing."""

    descriptor: Descriptor
    use: Use
    source: Source
    commit: str

    @property
    def diff_id(self) -> Digest:
        """Of its tar."""
        return self.use.diff_id

    @property
    def reading(self) -> Reading:
        """How its tar is read."""
        return self.use.reading


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an image stands in the order of what was installed here (R9).

    `downgrade` says what it is older than, if it is, and somebody was authorized to install it all the same.
    """

    place: Place
    moment: Moment
    downgrade: str


class Layered(Protocol):
    """An image whose layers are to be brought here, whatever becomes of them; `layer_bytes` is of one tar."""

    @property
    def verified(self) -> Verified: ...  # noqa: D102
    @property
    def remote(self) -> Remote: ...  # noqa: D102
    @property
    def order(self) -> tuple[Digest, ...]: ...  # noqa: D102
    @property
    def published(self) -> PublishedCommit | None: ...  # noqa: D102
    @property
    def layer_bytes(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Planned:
    """What a preview shows and an install does. Made of verified bytes only.

    `current` is what is installed under that ID. `order` names the image's layers, lowest first; `layers`
    holds each distinct one once. `published` is the publisher's own commit that the image holds, if it does.
    `given_id` says that `id` is not the image's own.
    """

    verified: Verified
    config: ImageConfig
    config_bytes: bytes
    id: str
    version: str
    title: str
    described: Described
    current: Record | None
    standing: Standing
    order: tuple[Digest, ...]
    layers: tuple[PlannedLayer, ...]
    published: PublishedCommit | None = None
    given_id: bool = False

    @property
    def layer_bytes(self) -> int:
        """What the tar of one of its layers may have."""
        return LAYER_BYTES

    @property
    def ostree_layers(self) -> int:
        """How many of its layers hold a publisher's own commit."""
        return self.published.layers if self.published else 0

    @property
    def reference(self) -> Reference:
        """What was asked for."""
        return self.verified.resolved.reference

    @property
    def remote(self) -> Remote:
        """Under whose keys it was verified."""
        return self.verified.resolved.remote

    @property
    def digest(self) -> Digest:
        """The manifest's."""
        return self.verified.resolved.digest

    @property
    def verdict(self) -> Verdict:
        """Why it may be installed."""
        return self.verified.verdict

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """What its metadata label asks for."""
        return self.described.permissions

    @property
    def ignored(self) -> tuple[str, ...]:
        """What the config asks for and appctl does not do."""
        return self.config.ignored + self.described.ignored

    @property
    def bytes_to_download(self) -> int:
        """Compressed bytes of the layers that are missing."""
        return sum(layer.descriptor.size for layer in self.layers if layer.source is Source.MISSING)

    @property
    def bytes_here(self) -> int:
        """Compressed bytes of the layers that need no download."""
        return sum(layer.descriptor.size for layer in self.layers if layer.source is not Source.MISSING)

    @property
    def installed_size(self) -> int:
        """What its publisher says that it takes on a disk; 0 where nothing is said."""
        return installed_size_of(self.config)

    @property
    def layers_total(self) -> int:
        """Distinct ones."""
        return len(self.layers)

    @property
    def layers_to_download(self) -> int:
        """Those of them that are missing."""
        return sum(layer.source is Source.MISSING for layer in self.layers)

    def in_turn(self) -> "tuple[tuple[PlannedLayer, ...], ...]":
        """The layers in groups, each of which needs all before it: a publisher's commit needs its files."""
        last = tuple(layer for layer in self.layers if layer.use.holds_commit)
        return tuple(layer for layer in self.layers if layer not in last), last

    def layer_refs(self) -> set[str]:
        """The refs of this remote that keep the image's layers."""
        return {*layer_refs(self.verified.resolved.remote.name, self.order, self.ostree_layers)}


@dataclass(frozen=True, slots=True)
class FetchedLayer:
    """A layer whose bytes are here: a blob with the right digest and size, or a commit (`blob` is None)."""

    layer: PlannedLayer
    blob: Path | None
    downloaded: int


@dataclass(frozen=True, slots=True)
class SignedCommit:
    """A publisher's own commit in an image, signed as the remote asks; `layer` is the one that holds it."""

    layer: FetchedLayer
    raw: bytes
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ImportedLayer:
    """A layer that is a commit in the repository, with this remote's ref on it."""

    layer: PlannedLayer
    commit: str
    downloaded: int
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """All layers of an image; `signed` is the commit that it holds, where the remote asks who signed it."""

    layers: tuple[ImportedLayer, ...]
    signed: SignedCommit | None


@dataclass(frozen=True, slots=True)
class Merged:
    """The image as one commit. `metadata` is the text of the tree's own metadata file, if it has one.

    `permissions` are what it asks for, by its label or else by that file, and somebody approved. `dropped`
    are paths of what its layers have above a publisher's commit, and does not count there.
    """

    planned: Planned
    imported: Imported
    commit: str
    installed_size: int
    metadata: str | None
    permissions: tuple[Permission, ...]
    dropped: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The app's."""
        return self.planned.id

    @property
    def version(self) -> str:
        """The image's."""
        return self.planned.version


@dataclass(frozen=True, slots=True)
class Deployed:
    """An image that is installed; `path` is the directory with its files."""

    record: Record
    path: Path
    previous: Record | None
