# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 1: from a reference to manifest bytes, named by the digest that we computed of them.

The one thing acted on before a signature holds is which entry of an index to take (docs/rules.md, R1): it
only chooses which manifest must then be signed.
"""

from appctld.config.remote import Remote
from appctld.errors import BadManifest, DigestMismatch, Failed
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int, get_objects, get_str
from appctld.model.manifest import INDEX_TYPES, MANIFEST_BYTES, Index, Platform, choose, parse_document
from appctld.model.reference import Reference
from appctld.pipeline.answers import understood
from appctld.pipeline.place import check_directory
from appctld.pipeline.stages import IndexDocument, Resolved
from appctld.pipeline.tools import Tools
from appctld.trust.clock import check_clock


async def resolve(reference: Reference, remote: Remote, tools: Tools, at: Digest | None = None) -> Resolved:
    """Ask the registry what `reference` is on this platform, or was, when it led to the digest `at`.

    Raises Expired before anybody is asked, where the clock cannot be right; PolicyDenied where the
    administrator forbids it, or for a directory that others can change; the fetcher's leaves (Transport,
    NotFound), BadManifest, ArchMismatch, or DigestMismatch when a reference by digest gave other bytes.
    """
    check_clock(tools.now())
    (await tools.aside(tools.policy)).check_remote(remote)
    tools.progress.stage("resolving")
    if remote.directory is not None and tools.bundle is None and tools.stock is None:
        await check_directory(remote.directory, "index.json")
    documents = tools.stock.documents() if tools.stock else await _fetched(reference, remote, tools, at)
    index = _index(documents, tools.platform)
    media_type, manifest = documents[-1]
    asked = index.digest if index else Digest.of(manifest)
    wanted = at or reference.digest
    if wanted is not None and wanted not in {asked, Digest.of(manifest)}:
        raise DigestMismatch(f"the registry answered {reference} with other bytes")
    return Resolved(reference, remote, manifest, media_type, Digest.of(manifest), index)


async def _fetched(
    reference: Reference, remote: Remote, tools: Tools, at: Digest | None
) -> list[tuple[str, bytes]]:
    """Type and bytes of what the registry says, the index first."""
    request: JsonObject = {
        "op": "resolve",
        "reference": str(at) if at else reference.target,
        "platform": _platform(tools.platform),
        **tools.endpoint(remote, reference),
    }
    answer, data = await tools.fetch_bytes(request, 2 * MANIFEST_BYTES)
    return _split(answer, data)


def _platform(platform: Platform) -> JsonObject:
    return {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}


def _split(answer: JsonObject, data: bytes) -> list[tuple[str, bytes]]:
    """The one or two documents (index first) that a fetcher wrote one after the other."""
    documents = []
    with understood("fetcher"):
        for item in get_objects(answer, "documents"):
            size = get_int(item, "size")
            documents.append((get_str(item, "media_type"), data[:size]))
            data = data[size:]
    if data or len(documents) not in {1, 2}:
        raise Failed("the fetcher's answer and its documents do not fit together")
    return documents


def _index(documents: list[tuple[str, bytes]], platform: Platform) -> IndexDocument | None:
    """The index, if there is one, and proof that it names the manifest for this platform."""
    if len(documents) == 1:
        if documents[0][0] in INDEX_TYPES:
            raise BadManifest("an index of an index")
        return None
    (media_type, raw), (_, manifest) = documents
    index = parse_document(raw, media_type)
    if not isinstance(index, Index):
        raise BadManifest("an index that is a manifest")
    entry = choose(index, platform)
    if entry.digest != Digest.of(manifest) or entry.size != len(manifest):
        raise DigestMismatch("the registry's manifest is not the one that its index names")
    return IndexDocument(raw, media_type, Digest.of(raw))
