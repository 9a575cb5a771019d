# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The fetcher, `python -m appctld.workers.fetch`: asks registries and lookasides, passes on what they say.

The first four operations are each about one source, a registry's repository or a layout's (source.py), and
write into one descriptor, `out`; the others say what they are about:

- `resolve`: the document that a reference names, and the platform's manifest behind it if it is an index;
- `signatures`: the simple signatures of a digest from a lookaside;
- `attachments`: the sigstore signatures of a digest from its registry;
- `blob`: the bytes of one blob;
- `document`: a small file of a publisher's at an https address of its own, with no registry beside it;
- `index`: which images are said to be which refs of flatpak;
- `listing`: all that such an index says, as it is;
- `spool`: a bundle that comes through a pipe, as a file (layout/spool.py).

Nothing that leaves here is verified, and nobody believes it: the daemon hashes and parses documents again,
the store hashes blobs.
"""

import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from appctld.errors import BadManifest, Failed, LimitExceeded
from appctld.model.digest import Digest
from appctld.model.flatpak.index import WANTED, Wanted
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_object, get_objects, get_str
from appctld.model.manifest import (
    INDEX_TYPES,
    MANIFEST_BYTES,
    MANIFEST_TYPES,
    Index,
    Platform,
    choose,
    parse_document,
)
from appctld.model.reference import parse_reference
from appctld.workers.fetch.document import read_document
from appctld.workers.fetch.layout.spool import spool
from appctld.workers.fetch.source import Source, candidates, opened, simple_signatures, whole_index
from appctld.workers.net.proxies import parse_proxies
from appctld.workers.protocol import Handler, Report, descriptor, main

REPORT_SECONDS = 0.1  # the bus samples progress at 5 Hz


class Output:
    """The descriptor that bytes leave through: ours, and closed in every case.

    `with Output(number) as output:`, unbuffered, so that what was reported was written.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._number)

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises Failed when the reader is gone: its error is the one that matters."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._number, left) :]
        except BrokenPipeError:
            raise Failed("the reader of the download is gone", echo=True) from None


def resolve(request: JsonObject, report: Report) -> JsonObject:  # noqa: ARG001 - two small documents
    """Write the index, if there is one, then the manifest; -> {"documents": [{"media_type", "size"}]}."""
    with Output(descriptor(request, "out")) as output:
        name = _full(get_str(request, "repository"), get_str(request, "reference"))
        wanted, platform = parse_reference(name).target, _platform(get_object(request, "platform"))
        with opened(request) as source:
            documents = _documents(source, wanted, platform)
        for raw, _ in documents:
            output.write(raw)
    return {"documents": [{"media_type": media_type, "size": len(raw)} for raw, media_type in documents]}


def signatures(request: JsonObject, report: Report) -> JsonObject:  # noqa: ARG001 - small files
    """Write the signature blobs; -> {"sizes": [n, …], "looked_at": [[url, status], …]}."""
    with Output(descriptor(request, "out")) as output:
        found = simple_signatures(request, Digest.parse(get_str(request, "digest")))
        for blob in found.blobs:
            output.write(blob)
    looked_at: list[Json] = [[url, status] for url, status in found.looked_at]
    return {"sizes": [len(blob) for blob in found.blobs], "looked_at": looked_at}


def attachments(request: JsonObject, report: Report) -> JsonObject:  # noqa: ARG001 - small files
    """Write what is signed, then what signs it, of each signature.

    -> {"attached": [{"bundle", "sizes": [n, n], "identity"}], "looked_at": [words, …]}
    """
    # certificates are read by a library that is a fifth of a fetcher's start; nothing else here needs it
    from appctld.workers.fetch.attachments import collect as attached_to  # noqa: PLC0415

    with Output(descriptor(request, "out")) as output:
        digest = Digest.parse(get_str(request, "digest"))
        with opened(request) as source:
            found = attached_to(source, digest)
        for one in found.attached:
            output.write(one.signed + one.document)
    told: list[Json] = [
        {"bundle": one.bundle, "sizes": [len(one.signed), len(one.document)], "identity": one.identity}
        for one in found.attached
    ]
    looked_at: list[Json] = [*found.looked_at]
    return {"attached": told, "looked_at": looked_at}


def blob(request: JsonObject, report: Report) -> JsonObject:
    """Write the blob as it comes, never more than `size` bytes; -> {"size": bytes that came}, maybe fewer."""
    with Output(descriptor(request, "out")) as output:
        digest, size = Digest.parse(get_str(request, "digest")), get_int(request, "size")
        done, reported = 0, 0.0
        with opened(request) as source, source.blob(digest, size) as found:
            for chunk in found.chunks(size):
                output.write(chunk)
                done += len(chunk)
                if time.monotonic() - reported >= REPORT_SECONDS:
                    reported = time.monotonic()
                    report({"bytes": done})
        report({"bytes": done})
    return {"size": done}


def document(request: JsonObject, report: Report) -> JsonObject:  # noqa: ARG001 - a small file
    """Write what stands at `url`; -> {"size": bytes}."""
    with Output(descriptor(request, "out")) as output:
        ca, proxies = get_str(request, "ca", "") or None, parse_proxies(request)
        data = read_document(get_str(request, "url"), ca, proxies)
        output.write(data)
    return {"size": len(data)}


def index(request: JsonObject, report: Report) -> JsonObject:  # noqa: ARG001 - one document
    """Ask for candidates for `wanted` -> {"offers": [offer, …], "registry": URL, "looked_at": words}."""
    wanted = tuple(map(Wanted.from_json, get_objects(request, "wanted")))
    if len(wanted) > WANTED:
        raise LimitExceeded(f"more than {WANTED} refs in one question", limit=WANTED)
    found = candidates(request, wanted, get_str(request, "architecture"))
    offers: list[Json] = [offer.to_json() for offer in found.offers]
    return {"offers": offers, "registry": found.registry, "looked_at": found.looked_at}


def listing(request: JsonObject, report: Report) -> JsonObject:  # noqa: ARG001 - one document
    """Write all that the index server lists; -> {"size": bytes}."""
    with Output(descriptor(request, "out")) as output:
        data = whole_index(request, get_str(request, "architecture"))
        output.write(data)
    return {"size": len(data)}


def _documents(source: Source, wanted: str, platform: Platform) -> list[tuple[bytes, str]]:
    """One manifest, or an index and the manifest it has for `platform`.

    A manifest is not parsed here: nothing says yet that anybody signed it (R1). An index is, to choose.
    """
    raw, media_type = source.manifest(wanted)
    if media_type in MANIFEST_TYPES:
        return [(raw, media_type)]
    index = parse_document(raw, media_type)  # refuses every type that is neither
    if not isinstance(index, Index):
        raise BadManifest(f"{media_type[:80]!r} that is no index")
    chosen = choose(index, platform)
    if chosen.size > MANIFEST_BYTES:
        raise LimitExceeded(f"a manifest of {chosen.size} bytes", limit=MANIFEST_BYTES)
    manifest, manifest_type = source.manifest(str(chosen.digest), chosen.size)
    if manifest_type in INDEX_TYPES:
        raise BadManifest("an index that names an index")
    return [(raw, media_type), (manifest, manifest_type)]


def _full(repository: str, reference: str) -> str:
    mark = "@" if reference.startswith("sha256:") else ":"
    return f"localhost/{repository}{mark}{reference}"


def _platform(obj: JsonObject) -> Platform:
    return Platform(get_str(obj, "os"), get_str(obj, "architecture"), get_str(obj, "variant", ""))


HANDLERS: Mapping[str, Handler] = {
    "resolve": resolve,
    "signatures": signatures,
    "attachments": attachments,
    "blob": blob,
    "document": document,
    "index": index,
    "listing": listing,
    "spool": spool,
}

if __name__ == "__main__":
    main(HANDLERS)
