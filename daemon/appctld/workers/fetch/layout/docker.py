# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `docker save`, `podman save` and skopeo's docker-archive write: `manifest.json`, configs and layers.

There is no manifest in it that a registry ever had, so nobody signed one. An OCI manifest is made here from
what lies there, always the same from the same bytes: layers are named by the diffIDs that the config claims
where they are plain tars, and by what they hash to where they are compressed. Whoever receives them hashes
them again, so that a false claim is found there.
"""

import hashlib
import json
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appctld.errors import BadManifest, LimitExceeded, NotFound
from appctld.model.digest import Digest
from appctld.model.image import CONFIG_BYTES
from appctld.model.jsonvalue import (
    Json,
    JsonError,
    JsonObject,
    get_list,
    get_object,
    get_str,
    get_strings,
    parse_json,
    parse_object,
)
from appctld.model.manifest import (
    BLOB_BYTES,
    LAYERS,
    MANIFEST_BYTES,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
)
from appctld.workers.fetch.layout.archive import Archive
from appctld.workers.fetch.layout.member import Member
from appctld.workers.fetch.layout.naming import Place, choose, shown

LIST = "manifest.json"
LIST_BYTES = 1 << 20  # an image has some 100 bytes for each layer
IMAGES = 256  # as many as an index may have entries
_COMPRESSED = {b"\x1f\x8b": "+gzip", b"\x28\xb5\x2f\xfd": "+zstd"}


@dataclass(frozen=True, slots=True)
class Saved:
    """One image of the list: its names, and the members that it is made of."""

    names: tuple[str, ...]
    config: str
    layers: tuple[str, ...]

    @property
    def identity(self) -> object:
        """See `naming.Named`."""
        return self.config, self.layers


@dataclass(frozen=True, slots=True)
class _Part:
    """A config or a layer; `named` is its digest where that is known without a look at all of it."""

    media_type: str
    member: Member
    named: Digest | None

    @property
    def digest(self) -> Digest:
        """What it is called: read to its end where nothing else says so."""
        return self.named or _hashed(self.member)

    def descriptor(self) -> JsonObject:
        """As it stands in the manifest."""
        return Descriptor(self.media_type, self.digest, self.member.size).to_json()


class DockerRepository:
    """The images of such an archive, with the operations of a registry's repository."""

    def __init__(self, archive: Archive, place: Place) -> None:
        self._archive, self._place = archive, place
        self._images = self._listed()

    @property
    def where(self) -> str:
        """What messages call it."""
        return self._archive.place

    def manifest(self, reference: str, limit: int = MANIFEST_BYTES) -> tuple[bytes, str]:
        """The manifest made for a tag, or for the image whose manifest has that digest. Raises NotFound."""
        if ":" not in reference:
            made = self._made(choose(self._images, self._place, reference, self._archive.place))
        else:
            both = ((self._made(image), Digest.parse(reference)) for image in self._images)
            made = next((raw for raw, digest in both if Digest.of(raw) == digest), b"")
        if not made:
            raise NotFound(f"the archive has no image {reference}; it has {shown(self._images)}")
        if len(made) > limit:
            raise LimitExceeded(f"a manifest of {len(made)} bytes", limit=limit)
        return made, OCI_MANIFEST

    def blob(self, digest: Digest, size: int) -> Member:
        """A config or a layer of any of the images; what has another size is not hashed. Raises NotFound."""
        for image in self._images:
            for part in self._parts(image):
                if part.member.size == size and part.digest == digest:
                    return part.member
        raise NotFound(f"the archive has no blob {digest}")

    def look(self, path: str, limit: int, absent: frozenset[int]) -> tuple[int, bytes]:  # noqa: ARG002 - a registry's
        """Nothing lies beside these images."""
        return 404, b""

    def _made(self, image: Saved) -> bytes:
        """Its manifest, in one spelling."""
        config, *layers = (part.descriptor() for part in self._parts(image))
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    def _parts(self, image: Saved) -> Iterator[_Part]:
        """Each part, the config first."""
        config = self._member(image.config)
        raw = config.read(CONFIG_BYTES)
        yield _Part(OCI_CONFIG, config, Digest.of(raw))
        for name, diff_id in zip(image.layers, _diff_ids(raw, len(image.layers)), strict=True):
            layer = self._member(name)
            kind = _compression(layer)
            yield _Part(f"{OCI_LAYER}{kind}", layer, None if kind else diff_id)

    def _member(self, name: str) -> Member:
        """A plain file, or the one that a link of that name leads to within the archive."""
        target = self._archive.links.get(name)
        plain = name if target is None else posixpath.normpath(f"{posixpath.dirname(name)}/{target}")
        found = self._archive.open(*plain.split("/"))
        if found is None:
            raise BadManifest(f"the archive has no {plain!a}, which its {LIST} names")
        return found

    def _listed(self) -> Sequence[Saved]:
        try:
            return _images(self._member(LIST).read(LIST_BYTES))
        except JsonError as error:
            raise BadManifest(f"a bad {LIST}: {error}") from error


def _images(data: bytes) -> Sequence[Saved]:
    items = parse_json(data, LIST_BYTES)
    if not isinstance(items, list) or len(items) > IMAGES:
        raise JsonError(f"it is no list of at most {IMAGES} images")
    return tuple(map(_saved, items))


def _saved(item: Json) -> Saved:
    if not isinstance(item, dict):
        raise JsonError("an image that is no object")
    layers = tuple(get_strings(item, "Layers"))
    if len(layers) > LAYERS:
        raise JsonError(f"{len(layers)} layers where {LAYERS} are allowed")
    return Saved(tuple(get_strings(item, "RepoTags", [])), get_str(item, "Config"), layers)


def _diff_ids(config: bytes, layers: int) -> list[Digest]:
    try:
        claimed = get_list(get_object(parse_object(config, CONFIG_BYTES), "rootfs"), "diff_ids")
    except JsonError as error:
        raise BadManifest(f"a bad config: {error}") from error
    if len(claimed) != layers:
        raise BadManifest(f"{layers} layers, but {len(claimed)} diffIDs in the config")
    return [Digest.parse(str(one)) for one in claimed]


def _compression(layer: Member) -> str:
    """How a layer is compressed, told by its first bytes: the archive does not say."""
    start = next(layer.chunks(BLOB_BYTES), b"")
    return next((kind for magic, kind in _COMPRESSED.items() if start.startswith(magic)), "")


def _hashed(layer: Member) -> Digest:
    total = hashlib.sha256()
    for chunk in layer.chunks(BLOB_BYTES):
        total.update(chunk)
    return Digest(total.hexdigest())
