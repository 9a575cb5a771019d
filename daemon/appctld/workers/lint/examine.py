# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Examine the images of a place, one after the other; what appctl would refuse is a finding too."""

from appctld.errors import AppctlError, BadManifest, Transport
from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject, get_object
from appctld.model.manifest import Manifest, parse_document
from appctld.workers.fetch.source import Source
from appctld.workers.lint.checks.command import check_command
from appctld.workers.lint.checks.exports import check_exports
from appctld.workers.lint.checks.files import check_files
from appctld.workers.lint.checks.identity import check_identity
from appctld.workers.lint.checks.signatures import check_signatures
from appctld.workers.lint.findings import Findings
from appctld.workers.lint.image import Image
from appctld.workers.lint.layers import Blobs
from appctld.workers.lint.sources import Named, Opened, opened
from appctld.workers.protocol import Report

CHECKS = (check_identity, check_command, check_exports, check_files)


def lint(request: JsonObject, report: Report) -> JsonObject:
    """Examine `{"from": place}` -> {"images": [name, …], "findings": [{image, code, level, …}, …]}.

    Raises what keeps it from looking at all: no layout, no registry, no file.
    """
    names: list[Json] = []
    findings: list[Json] = []
    with opened(get_object(request, "from")) as place:
        for named in place.images():
            report({"stage": "verifying", "title": named.name})
            names.append(named.name)
            findings += _examined(named, place).to_json()
    return {"images": names, "findings": findings}


def _examined(named: Named, place: Opened) -> Findings:
    found = Findings(named.name)
    source = place.source_of(named.reference)
    try:
        raw, media_type = source.manifest(named.wanted)
        manifests = _manifests(raw, media_type, source)
        _signatures(named, place, [Digest.of(raw), *(digest for digest, _ in manifests)], found)
        for _, manifest in manifests:
            with Blobs(source) as blobs:
                _checked(Image.read(blobs, manifest, named.reference, found), found)
    except Transport:
        raise  # the network failed, and says nothing about the image
    except AppctlError as error:
        found.add("bad-image", named.name, f"{error.name}: {error}")
    return found


def _manifests(raw: bytes, media_type: str, source: Source) -> list[tuple[Digest, Manifest]]:
    """The manifest, or those of all platforms."""
    document = parse_document(raw, media_type)
    if isinstance(document, Manifest):
        return [(Digest.of(raw), document)]
    found = []
    for entry in document.entries:
        if entry.platform is not None and entry.platform.os == "unknown":
            continue  # an attestation about another entry
        data, kind = source.manifest(str(entry.digest), entry.size)
        manifest = parse_document(data, kind)
        if not isinstance(manifest, Manifest) or Digest.of(data) != entry.digest:
            raise BadManifest("an index whose entry is no manifest, or another one")
        found.append((entry.digest, manifest))
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
    for check in CHECKS:
        check(image, found)
