# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `export`: installed images, to one destination.

Guarantees: what is written under a digest has it; unless the caller asks for other layers, all of it is what
the publisher made, or no name leads to it. Every layer is compared with what its image says of it.
"""

import time
from pathlib import Path

from appctld.errors import (
    AppctlError,
    Busy,
    DigestMismatch,
    InvalidReference,
    NotFound,
    NotInstalled,
    RepoCorrupt,
)
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    Json,
    JsonObject,
    get_object,
    get_objects,
    get_str,
    get_string_map,
)
from appctld.model.manifest import OCI_MANIFEST, Descriptor
from appctld.workers.export.destination import Destination, opened
from appctld.workers.export.image.installed import Image, opened_repository, read_image
from appctld.workers.export.image.layers import Origin, Published, tar, watched
from appctld.workers.export.image.manifest import new_manifest
from appctld.workers.export.image.packing import LAYER_TYPES, packed
from appctld.workers.export.image.signatures import put_signatures
from appctld.workers.fetch.endpoint import parse_endpoint
from appctld.workers.protocol import Report
from appctld.workers.store.ostree.repository import Repository

SIGNED_WHOLE = "the signatures: they are over an index, and a registry takes only a whole one"
REPORT_SECONDS = 0.1  # what a bar can show
ANEW = "appctl export --recompress    (other digests, so no signature holds)"


def export(request: JsonObject, report: Report) -> JsonObject:
    """`{"apps": [{"state", "id", "endpoint"?, "layout"?}…], "to", "recompress", "beside"}` -> `{"apps"}`.

    `endpoint` is the registry, or `layout` the directory, that an image came from; `recompress` is how layers
    are compressed anew, or empty; `beside` are small files. Of each image the answer tells `id`, `reference`,
    `name`, `digest`, `signatures`, and `left`, what could not go along. Raises NotInstalled, NotFound (not
    there as it was published), RepoCorrupt, UnsupportedMediaType, and what the destination raises.
    """
    apps, anew = get_objects(request, "apps"), get_str(request, "recompress", "")
    with opened(get_object(request, "to")) as destination:
        if destination.tag and len(apps) != 1:
            raise InvalidReference("one tag of a registry is one image")
        exported: list[Json] = [_export(app, anew, destination, report) for app in apps]
        for path, text in get_string_map(request, "beside", {}).items():
            destination.put_beside(path, text.encode())
        destination.commit()
    return {"apps": exported}


def _export(app: JsonObject, anew: str, destination: Destination, report: Report) -> JsonObject:
    state = Path(get_str(app, "state"))
    repository = opened_repository(state)
    image = read_image(state, get_str(app, "id"), repository)
    try:
        leaving = _Leaving(image, repository, destination, report)
        if anew:
            return leaving.recompressed(anew)
        return leaving.as_published(_origin(app))
    except (NotFound, RepoCorrupt) as error:
        changed = _changed_meanwhile(image, repository)
        if changed is None:
            raise
        raise changed from error


def _origin(app: JsonObject) -> Origin:
    endpoint = get_object(app, "endpoint", {})
    layout = get_str(app, "layout", "")
    return Origin(parse_endpoint(endpoint) if endpoint else None, Path(layout) if layout else None)


def _changed_meanwhile(image: Image, repository: Repository) -> AppctlError | None:
    """What an error means where the app is another one by now: its layers may be gone, rightly."""
    try:
        now = read_image(image.state, image.id, repository)
    except NotInstalled as error:
        return error
    except AppctlError:
        return None
    return None if now == image else Busy(f"{image.id} was changed meanwhile", id=image.id)


class _Leaving:
    """One image on its way."""

    def __init__(self, image: Image, repository: Repository, to: Destination, report: Report) -> None:
        self._image = image
        self._repository = repository
        self._to = to
        self._report = report
        self._done, self._reported = 0, 0.0
        self._total = sum(layer.size for layer in image.parsed.layers)

    def as_published(self, origin: Origin) -> JsonObject:
        """The publisher's own blobs and documents, with what was signed."""
        image = self._image
        with Published(image, self._repository, origin) as published:
            for blob, diff_id in image.layers:
                if not self._to.has(blob):
                    self._put_layer(blob, diff_id, published)
        self._put_config(image.parsed.config)
        named = self._put_documents()
        return self._told(named, *self._put_signatures(named))

    def recompressed(self, how: str) -> JsonObject:
        """The same contents in new blobs."""
        image = self._image
        self._total = 0  # how much that will be, nobody knows
        layers = [self._put_anew(diff_id, how) for _, diff_id in image.layers]
        self._put_config(image.parsed.config)
        named = self._to.put_manifest(new_manifest(image, layers), OCI_MANIFEST, self._name)
        return self._told(named, 0, ["the publisher's signatures: they are over other digests"])

    @property
    def _name(self) -> str:
        return self._to.tag or str(self._image.reference)

    def _put_layer(self, blob: Descriptor, diff_id: Digest, published: Published) -> None:
        """From the first place that has it. Raises NotFound, with what each place says, or RepoCorrupt."""
        failed: list[AppctlError] = []
        for content in published.places(blob, diff_id):
            before, told = self._done, len(failed)
            try:
                self._to.put_blob(blob, watched(content, self._notice, failed))
            except DigestMismatch as error:
                failed += [error] if len(failed) == told else []
            except AppctlError:
                if len(failed) == told:  # it is the destination's
                    raise
            else:
                return
            self._done = before
        raise self._not_there(blob, failed)

    def _not_there(self, blob: Descriptor, failed: list[AppctlError]) -> AppctlError:
        damaged = [error for error in failed if isinstance(error, RepoCorrupt)]
        if damaged:
            return damaged[0]
        why = "; ".join(error.message for error in failed)
        return NotFound(
            f"layer {blob.digest} of {self._image.id} cannot be had as it was published: {why}",
            hint=ANEW,
            id=self._image.id,
            layer=str(blob.digest),
        )

    def _put_anew(self, diff_id: Digest, how: str) -> Descriptor:
        pieces = watched(lambda: tar(self._image, self._repository, diff_id), self._notice, [])
        return self._to.put_new(packed(pieces(), how), LAYER_TYPES[how])

    def _put_config(self, config: Descriptor) -> None:
        if not self._to.has(config):
            self._to.put_blob(config, lambda: iter([self._image.config]))

    def _put_documents(self) -> Descriptor:
        """The manifest; and the index that led to it, where that is what was signed, or pinned.

        A registry takes no index without all of its images.
        """
        image, index = self._image, self._image.index
        manifest = image.manifest
        wanted = index is not None and index.digest in {image.signatures.digest, image.reference.digest}
        if index is None or not wanted or self._to.tag:
            return self._to.put_manifest(manifest.raw, manifest.media_type, self._name)
        self._to.put_manifest(manifest.raw, manifest.media_type)
        return self._to.put_manifest(index.raw, index.media_type, self._name)

    def _put_signatures(self, named: Descriptor) -> tuple[int, list[str]]:
        """How many went along, and what did not, in words."""
        found = self._image.signatures
        if named.digest != found.digest:
            return 0, [SIGNED_WHOLE] if found.count else []
        return put_signatures(self._image, named, self._to)

    def _notice(self, count: int) -> None:
        self._done += count
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            self._reported = time.monotonic()
            facts: JsonObject = {"bytes": self._done, "total": max(self._total, self._done)}
            self._report({"stage": "exporting", "title": self._image.id, **facts})

    def _told(self, named: Descriptor, signatures: int, left: list[str]) -> JsonObject:
        return {
            "id": self._image.id,
            "reference": str(self._image.reference),
            "name": self._name,
            "digest": str(named.digest),
            "config": str(self._image.parsed.config.digest),
            "signatures": signatures,
            "left": list[Json](left),
        }
