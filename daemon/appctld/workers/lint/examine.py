# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Examine the images of a place, one after the other; what appctl would refuse is a finding too."""

from appctld.errors import AppctlError, LimitExceeded, Transport
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject, get_object
from appctld.workers.images.image import Image
from appctld.workers.images.layers import Blobs
from appctld.workers.images.manifests import manifests_of
from appctld.workers.images.sources import Named, Opened, opened
from appctld.workers.lint.checks.catalog import check_catalog, is_catalog
from appctld.workers.lint.checks.command import check_command
from appctld.workers.lint.checks.exports import check_exports
from appctld.workers.lint.checks.files import check_files
from appctld.workers.lint.checks.identity import check_identity
from appctld.workers.lint.checks.signatures import check_signatures
from appctld.workers.lint.findings import Findings
from appctld.workers.protocol import Report

IMAGES = 32  # of one layout: each is read whole, more than once
CHECKS = (check_identity, check_command, check_exports, check_files)


def lint(request: JsonObject, report: Report) -> JsonObject:
    """Examine `{"from": place}` -> {"images": [name, …], "findings": [{image, code, level, …}, …]}.

    Raises what keeps it from looking at all: no layout, no registry, no file, too many images.
    """
    names: list[Json] = []
    findings: list[Json] = []
    with opened(get_object(request, "from")) as place:
        for named in _not_too_many(place.images()):
            report({"stage": "verifying", "title": named.name})
            names.append(named.name)
            findings += _examined(named, place).to_json()
    return {"images": names, "findings": findings}


def _not_too_many(images: list[Named]) -> list[Named]:
    """All of them: none is passed over. Raises LimitExceeded."""
    if len(images) > IMAGES:
        raise LimitExceeded(f"{len(images)} images are more than are examined at once", limit=IMAGES)
    return images


def _examined(named: Named, place: Opened) -> Findings:
    found = Findings(named.name)
    source = place.source_of(named.reference)
    try:
        raw, media_type = source.manifest(named.wanted)
        manifests = manifests_of(raw, media_type, source)
        _signatures(named, place, [Digest.of(raw), *(digest for digest, _ in manifests)], found)
        for _, manifest in manifests:
            with Blobs(source) as blobs:
                _checked(Image.read(blobs, manifest, named.reference), found)
    except Transport:
        raise  # the network failed, and says nothing about the image
    except AppctlError as error:
        found.add("bad-image", named.name, f"{error.name}: {error}")
    return found


def _signatures(named: Named, place: Opened, digests: list[Digest], found: Findings) -> None:
    if named.reference is None:
        found.add(
            "no-name",
            named.name,
            "no whole reference stands with the image (HOST/REPOSITORY:TAG): its signatures cannot be found",
        )
    else:
        check_signatures(place, [*dict.fromkeys(digests)], named.reference, found)


def _checked(image: Image, found: Findings) -> None:
    for said, unpacked in image.changed:
        found.add("wrong-diffid", str(said), f"the layer is {unpacked}, unpacked")
    for check in (check_catalog,) if is_catalog(image) else CHECKS:
        check(image, found)
