# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ask for what may speak for a digest: in the remote's lookaside, beside the image in its registry, or both.

Guarantees: only what `verify` asks for is looked for; a lookaside gets no login, the registry the one of this
job. What comes back is believed no further than its shape.
"""

from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    Json,
    JsonError,
    JsonObject,
    get_bool,
    get_list,
    get_objects,
    get_str,
    get_strings,
)
from appctld.pipeline.answers import looked_at, understood
from appctld.pipeline.parallel import in_parallel
from appctld.pipeline.stages import Resolved
from appctld.pipeline.tools import Tools
from appctld.trust.evidence import Attachment, Bundle, Evidence
from appctld.trust.verdict import KINDS, SIGNATURE_BYTES, SIGNATURES

IDENTITY_LENGTH = 256  # characters of whom a certificate names that are worth showing


async def find_evidence(digest: Digest, resolved: Resolved, tools: Tools) -> Evidence:
    """Everything of the kinds that the remote asks for. Raises the fetcher's leaves."""
    if tools.stock is not None:
        return tools.stock.evidence(digest)
    places = {"gpg": _signatures, "cosign": _attachments}
    asked = [places[kind](digest, resolved, tools) for kind in KINDS.get(resolved.remote.verify, ())]
    found = await in_parallel(asked, at_once=len(places))
    return Evidence(
        digest,
        openpgp=tuple(blob for one in found for blob in one.openpgp),
        attachments=tuple(attachment for one in found for attachment in one.attachments),
        looked_at=tuple(place for one in found for place in one.looked_at),
        bundles=tuple(bundle for one in found for bundle in one.bundles),
    )


async def _signatures(digest: Digest, resolved: Resolved, tools: Tools) -> Evidence:
    """What lies in the remote's lookaside for `digest`, and where we looked."""
    remote = resolved.remote
    if remote.lookaside is None and remote.directory is None and tools.bundle is None:
        return Evidence(digest, looked_at=(f"remote {remote.name} names no lookaside",))
    request: JsonObject = {
        "op": "signatures",
        "lookaside": remote.lookaside,
        "digest": str(digest),
        **tools.endpoint(remote, resolved.reference, login=False),
    }
    answer, data = await tools.fetch_bytes(request, SIGNATURES * SIGNATURE_BYTES)
    with understood("fetcher"):
        blobs = _Bytes(data)
        openpgp = tuple(blobs.take(size) for size in get_list(answer, "sizes"))
        places = looked_at(answer)
    return Evidence(digest, openpgp, looked_at=places)


async def _attachments(digest: Digest, resolved: Resolved, tools: Tools) -> Evidence:
    """What lies in the registry beside the image."""
    request: JsonObject = {
        "op": "attachments",
        "digest": str(digest),
        **tools.endpoint(resolved.remote, resolved.reference),
    }
    answer, data = await tools.fetch_bytes(request, 2 * SIGNATURES * SIGNATURE_BYTES)
    with understood("fetcher"):
        blobs = _Bytes(data)
        found = [_attached(item, blobs) for item in get_objects(answer, "attached")]
        places = tuple(get_strings(answer, "looked_at"))
    return Evidence(
        digest,
        attachments=tuple(one for one in found if isinstance(one, Attachment)),
        looked_at=places,
        bundles=tuple(one for one in found if isinstance(one, Bundle)),
    )


class _Bytes:
    """What a fetcher wrote, one blob after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, size: Json) -> bytes:
        """The next blob. Raises JsonError where there is no such number of bytes."""
        if not isinstance(size, int) or not 0 <= size <= len(self._data):
            raise JsonError("a size that does not fit what was written")
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def _attached(item: JsonObject, blobs: _Bytes) -> Attachment | Bundle:
    match get_list(item, "sizes"):
        case [first, second]:
            signed, document = blobs.take(first), blobs.take(second)
        case _:
            raise JsonError("'sizes' are not two")
    identity = get_str(item, "identity")[:IDENTITY_LENGTH]
    if get_bool(item, "bundle"):
        return Bundle(document, signed, identity)
    return Attachment(signed, document, identity)
