# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The whole sentence without a process: a runner that calls the workers' handlers in this interpreter.

The store is the real one; the registry is a dictionary behind the fetcher's interface, and can lie. Layers
are plain tars; for compressed ones a `StockLauncher` starts real decoders.
"""

import asyncio
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appctld.errors import NotFound, RegistryUnavailable
from appctld.model.flatpak.index import Wanted, parse_index
from appctld.model.jsonvalue import Json, JsonObject, get_int, get_object, get_objects, get_str
from appctld.model.manifest import OCI_INDEX, OCI_MANIFEST
from appctld.system.worker import Program, Report
from appctld.trust.evidence import Attachment
from appctld.workers.fetch.__main__ import HANDLERS as FETCH
from appctld.workers.net.address import Url
from appctld.workers.protocol import Handler, descriptor
from appctld.workers.store.__main__ import HANDLERS as STORE

Tree = Mapping[str, bytes | None]


def layer_of(tree: Tree) -> bytes:
    """A tar of a tree: a path to its bytes, a path ending in `/` to None."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in tree.items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = (tarfile.DIRTYPE, 0o755) if content is None else (tarfile.REGTYPE, 0o644)
            entry.size = len(content or b"")
            tar.addfile(entry, io.BytesIO(content or b""))
    return buffer.getvalue()


def fifos(prefix: str, count: int) -> bytes:
    """A tar of FIFOs, which no deployment ever gets."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number in range(count):
            entry = tarfile.TarInfo(f"{prefix}{number}")
            entry.type = tarfile.FIFOTYPE
            tar.addfile(entry)
    return buffer.getvalue()


def digest_of(data: bytes) -> str:
    """In its OCI spelling."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class MemoryRegistry:
    """Blobs and tags of one repository, whatever it is called; the fetcher's three operations.

    `indexes` are documents that stand before a tag's own, `types` what a tag's own is served as, `down` are
    registries that do not answer; `attached` are sigstore signatures by digest; `tell` may change what the
    fetcher says. `listed` is what an index server says, if there is one; `documents` stand at addresses.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, bytes] = field(default_factory=dict)
    indexes: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    lookaside: list[bytes] = field(default_factory=list)
    attached: dict[str, list[Attachment]] = field(default_factory=dict)
    listed: bytes | None = None
    tell: Callable[[JsonObject], JsonObject] = lambda answer: answer

    def push(
        self, tag: str, layers: Sequence[bytes], *, created: str = "", arch: str = "amd64", **config: object
    ) -> str:
        """Publish an image; its manifest digest. `created` is what its config says, if it does."""
        image = {
            "os": "linux",
            "architecture": arch,
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
            "config": config,
            **({"created": created} if created else {}),
        }
        raw = json.dumps(image).encode()
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._add(raw, "application/vnd.oci.image.config.v1+json"),
            "layers": [self._add(layer, "application/vnd.oci.image.layer.v1.tar") for layer in layers],
        }
        manifest = json.dumps(document).encode()
        self.tags[tag] = self.tags[digest_of(manifest)] = manifest
        return digest_of(manifest)

    def push_index(self, tag: str, **lies: object) -> str:
        """Put an index before the image of `tag`, `lies` in its only entry. Returns the index's digest."""
        manifest = self.tags[tag]
        entry = {
            "mediaType": OCI_MANIFEST,
            "digest": digest_of(manifest),
            "size": len(manifest),
            "platform": {"os": "linux", "architecture": "amd64"},
            **lies,
        }
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
        for name in (tag, digest_of(index)):
            self.tags[name], self.indexes[name] = manifest, index
        return digest_of(index)

    def change(self, tag: str, **members: object) -> None:
        """Change members of the manifest that `tag` names."""
        self.tags[tag] = json.dumps({**json.loads(self.tags[tag]), **members}).encode()

    def _add(self, data: bytes, media_type: str) -> JsonObject:
        self.blobs[digest_of(data)] = data
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    def handlers(self) -> Mapping[str, Handler]:
        """What the fetcher's table would hold."""
        return {
            "resolve": self._resolve,
            "blob": self._blob,
            "signatures": self._signatures,
            "attachments": self._attachments,
            "index": self._index,
            "listing": self._listing,
            "document": self._document,
        }

    def _document(self, request: JsonObject, _report: Report) -> JsonObject:
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            return {"size": out.write(self.documents[get_str(request, "url")])}

    def _resolve(self, request: JsonObject, _report: Report) -> JsonObject:
        name = get_str(request, "reference")
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            if get_str(request, "registry") in self.down:
                raise RegistryUnavailable("it does not answer")
            if name not in self.tags:
                raise NotFound("the registry does not know that tag")
            documents = [(self.types.get(name, OCI_MANIFEST), self.tags[name])]
            if name in self.indexes:
                documents.insert(0, (OCI_INDEX, self.indexes[name]))
            for _, raw in documents:
                out.write(raw)
        return self.tell({"documents": [{"media_type": kind, "size": len(raw)} for kind, raw in documents]})

    def _signatures(self, request: JsonObject, _report: Report) -> JsonObject:
        """Those of `lookaside`, which nobody here could check."""
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            out.write(b"".join(self.lookaside))
        sizes: list[Json] = [len(blob) for blob in self.lookaside]
        return self.tell(
            {"sizes": sizes, "looked_at": [[f"{get_str(request, 'lookaside')}/signature-1", 404]]}
        )

    def _attachments(self, request: JsonObject, _report: Report) -> JsonObject:
        found = self.attached.get(get_str(request, "digest"), [])
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            for one in found:
                out.write(one.payload + one.signature)
        told: list[Json] = [
            {"bundle": False, "sizes": [len(one.payload), len(one.signature)], "identity": one.identity}
            for one in found
        ]
        return self.tell({"attached": told, "looked_at": ["referrers (0)"]})

    def _index(self, request: JsonObject, _report: Report) -> JsonObject:
        url = Url.parse(get_str(request, "index"))
        if str(url.origin) in self.down:
            raise RegistryUnavailable("it does not answer")
        if self.listed is None:
            return self.tell({"offers": [], "registry": "", "looked_at": f"{url}/index/static (404)"})
        wanted = tuple(map(Wanted.from_json, get_objects(request, "wanted")))
        found = parse_index(self.listed, wanted, get_str(request, "architecture"))
        offers: list[Json] = [offer.to_json() for offer in found.offers]
        said: JsonObject = {
            "offers": offers,
            "registry": str(url.join(found.registry)),
            "looked_at": f"{url} (200)",
        }
        return self.tell(said)

    def _listing(self, request: JsonObject, _report: Report) -> JsonObject:
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            if self.listed is None:
                raise NotFound("there is no index")
            return {"size": out.write(self.listed)}

    def _blob(self, request: JsonObject, report: Report) -> JsonObject:
        digest = get_str(request, "digest")
        self.asked.append(digest)
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            if digest not in self.blobs:
                raise NotFound("the registry does not have that blob")
            data = self.blobs[digest][: get_int(request, "size") + 1]
            out.write(data)
        report({"bytes": len(data)})
        return {"size": len(data)}


class InlineRunner:
    """A `Runner` without processes: each request runs in a thread, which takes over its descriptors.

    `instead` are handlers that stand in for those of the same name.
    """

    def __init__(self, registry: MemoryRegistry, pull: Mapping[str, Handler] | None = None) -> None:
        self._tables = {
            "appctld.workers.fetch": registry.handlers(),
            "appctld.workers.store": STORE,
            "appctld.workers.pull": pull or {},
        }
        self.requests: list[JsonObject] = []
        self.instead: dict[str, Handler] = {}

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        """See `system.worker.Runner.run`."""
        loop = asyncio.get_running_loop()
        op = get_str(request, "op")
        table = self._tables[program.module]
        if program.module == "appctld.workers.fetch" and request.get("layout"):
            table = FETCH  # no registry has it
        handler = self.instead.get(op) or table[op]
        whole: JsonObject = json.loads(json.dumps({**request, "fds": dict(fds)}))
        self.requests.append(whole)
        assert get_object(whole, "fds") == dict(fds)

        def told(facts: JsonObject) -> None:
            loop.call_soon_threadsafe(report, facts)

        # shielded: a request that waits for a thread when it is cancelled would leave its descriptors open
        answer: JsonObject = await asyncio.shield(loop.run_in_executor(None, handler, whole, told))
        return answer


class NoLauncher:
    """A `Launcher` whose command lines nobody starts."""

    environment: Mapping[str, str] = {}

    def worker(
        self,
        module: str,
        *,
        network: bool = False,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.worker`."""
        return (module,)

    def stock(
        self,
        *argv: str,
        files: Mapping[str, int] | None = None,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.stock`."""
        raise AssertionError("no process is started here")


class StockLauncher(NoLauncher):
    """A `Launcher` that starts stock programs as they are, or `instead` of one its stand-in."""

    def __init__(self, **instead: str) -> None:
        self._instead = instead

    def stock(
        self,
        *argv: str,
        files: Mapping[str, int] | None = None,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.stock`."""
        return tuple(self._instead.get(word, word) for word in argv)
