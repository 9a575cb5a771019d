# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 4: one layer, from the registry to a commit with this remote's ref on it.

Bytes leave the fetcher on a pipe; the store writes and hashes them under a name that says `unverified`; only
then are they inflated, by a stock program that can do nothing else, and read by the store (R1, R2).
"""

import os
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from appctld.errors import DigestMismatch, Failed, LimitExceeded, NotFound, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int, get_str, get_strings
from appctld.model.manifest import COMPRESSION, ZSTD_WINDOW
from appctld.model.published import Reading
from appctld.model.zstdframe import HEADER_BYTES, check_window
from appctld.pipeline.admission.confirm import confirm_remote
from appctld.pipeline.answers import bytes_so_far, understood
from appctld.pipeline.images.mirrors import from_somewhere, is_private
from appctld.pipeline.images.plan import plan_layer
from appctld.pipeline.parallel import two_ends
from appctld.pipeline.stages import (
    FetchedLayer,
    ImportedLayer,
    Layered,
    PlannedLayer,
    SignedCommit,
    Source,
    Verified,
)
from appctld.pipeline.tools import BLOB_DEADLINE, Tools, ignore
from appctld.state.kept import keep
from appctld.state.layers import LayerRecord, remember
from appctld.state.paths import layer_ref
from appctld.system.packages import NOT_THERE, missing
from appctld.system.pump import pump

INFLATE_DEADLINE = 1800.0  # seconds: 16 GiB at 10 MB/s, the slowest disk that anyone would use
GZIP_WARNING = 2
CANNOT_RUN = 126  # shells', bubblewrap's and prlimit's: from here on an exit status is not the program's own
BY_SIGNAL = 128  # bubblewrap's, plus the signal's number
_LIMITS = (
    "prlimit",
    "--as=536870912",
    "--nofile=16",
    "--core=0",
    "--",
)  # zstd at that window needs a tenth


def expect(layers: Iterable[PlannedLayer], tools: Tools) -> None:
    """Tell what is going to be brought, each blob once, in however many ways it is read."""
    to_download: dict[str, int] = {}
    here: dict[str, int] = {}
    for layer in layers:
        known = to_download if layer.source is Source.MISSING else here
        known[str(layer.descriptor.digest)] = layer.descriptor.size
    tools.progress.expect(to_download, here)


async def fetch_and_import(
    layer: PlannedLayer, planned: Layered, tools: Tools, signed: SignedCommit | None = None
) -> ImportedLayer:
    """Bring one layer here, once, however many jobs want it; that of `signed` was fetched already.

    Raises the fetcher's leaves, DigestMismatch, UnsafeArchive, LimitExceeded, NoSpace.
    """
    verified = planned.verified
    async with _alone(layer, verified, tools):
        if signed is not None and _is(signed.layer, layer):
            return await _import(signed.layer, planned, tools)
        current = _as_it_is(layer, verified, tools)
        try:
            return await _bring(current, planned, tools)
        except (NotFound, RepoCorrupt):
            if current.source is not Source.SHARED:
                raise
        # What the other remote has is damaged or gone; this one's registry has it too
        return await _bring(_as_it_is(layer, verified, tools, adopt=False), planned, tools)


async def fetch_anew(layer: PlannedLayer, verified: Verified, tools: Tools) -> FetchedLayer:
    """A layer's blob, whatever was imported of it before."""
    async with _alone(layer, verified, tools):
        return await _fetch(_as_it_is(layer, verified, tools, held_counts=False), verified, tools)


def _is(fetched: FetchedLayer, layer: PlannedLayer) -> bool:
    """Whether it is that layer, and nobody imported it meanwhile, which ends its blob."""
    return layer.use == fetched.layer.use and fetched.blob is not None and fetched.blob.exists()


@asynccontextmanager
async def _alone(layer: PlannedLayer, verified: Verified, tools: Tools) -> AsyncIterator[None]:
    """Nobody else brings that layer, or anything else of its blob: a layer may be read in both ways at once.

    Always the blob's first, so that no two wait for each other.
    """
    blob = str(_blobs(verified, tools) / layer.descriptor.digest.hex)
    ref = layer_ref(verified.resolved.remote.name, layer.diff_id, layer.reading)
    async with tools.locks[blob], tools.locks[ref]:
        yield


def _as_it_is(
    layer: PlannedLayer, verified: Verified, tools: Tools, *, adopt: bool = True, held_counts: bool = True
) -> PlannedLayer:
    """The same layer, and where it comes from now."""
    known = layer.use, layer.descriptor
    return plan_layer(*known, verified, tools, adopt=adopt, held_counts=held_counts)


async def _bring(layer: PlannedLayer, planned: Layered, tools: Tools) -> ImportedLayer:
    return await _import(await _fetch(layer, planned.verified, tools), planned, tools)


async def _fetch(layer: PlannedLayer, verified: Verified, tools: Tools) -> FetchedLayer:
    wanted = layer.descriptor
    blobs = _blobs(verified, tools)
    downloaded = 0
    if layer.source is Source.MISSING and not await _is_here(layer, blobs, tools):
        tools.progress.stage("downloading")
        await _download(layer, blobs, verified, tools)
        downloaded = wanted.size
        tools.progress.downloaded(str(wanted.digest), downloaded)
    else:  # somebody brought it since it was planned
        tools.progress.expect({}, {str(wanted.digest): wanted.size})
    blob = blobs / wanted.digest.hex if layer.source is Source.MISSING else None
    return FetchedLayer(layer, blob, downloaded)


def _is_private(verified: Verified, tools: Tools) -> bool:
    """Whether it is never offered to another remote."""
    return is_private(verified.resolved.remote, verified.resolved.reference, tools)


def _blobs(verified: Verified, tools: Tools) -> Path:
    return tools.paths.blobs_of(verified.resolved.remote.name, private=_is_private(verified, tools))


async def _is_here(layer: PlannedLayer, blobs: Path, tools: Tools) -> bool:
    """Whether an earlier job left the whole blob; it is hashed again before it counts."""
    wanted = layer.descriptor
    if not (blobs / wanted.digest.hex).exists():
        return False
    request: JsonObject = {"op": "recheck", "digest": str(wanted.digest), "size": wanted.size}
    try:
        answer = await tools.store({**request, "blobs": str(blobs)})
    except DigestMismatch:
        return False
    with understood("store"):
        return get_int(answer, "size") == wanted.size


async def _download(layer: PlannedLayer, blobs: Path, verified: Verified, tools: Tools) -> None:
    wanted, resolved = layer.descriptor, verified.resolved
    what: JsonObject = {"digest": str(wanted.digest), "size": wanted.size}

    async def get(endpoint: JsonObject) -> None:
        reading, writing = os.pipe()
        source: JsonObject = {"op": "blob", **what, **endpoint}
        _, answer = await two_ends(
            tools.fetch(source, fds={"out": writing}, report=ignore, deadline=BLOB_DEADLINE),
            tools.store(
                {"op": "receive", "blobs": str(blobs), **what},
                fds={"in": reading},
                report=lambda facts: tools.progress.downloaded(str(wanted.digest), bytes_so_far(facts)),
                deadline=BLOB_DEADLINE,
            ),
        )
        with understood("store"):
            get_int(answer, "size")

    await from_somewhere(resolved.remote, resolved.reference, tools, get)


async def _import(fetched: FetchedLayer, planned: Layered, tools: Tools) -> ImportedLayer:
    layer = fetched.layer
    dropped: tuple[str, ...] = ()
    if layer.source is Source.HELD:
        commit = layer.commit
    elif layer.source is Source.SHARED:
        commit = await _adopt(layer, planned.verified, tools)
    else:
        tools.progress.stage("importing")
        commit, dropped = await _import_blob(fetched, planned, tools)
    return ImportedLayer(layer, commit, fetched.downloaded, dropped)


async def _adopt(layer: PlannedLayer, verified: Verified, tools: Tools) -> str:
    """Take over what another remote brought: every object is hashed again before our ref names it (R5)."""
    remote = verified.resolved.remote.name
    ref = layer_ref(remote, layer.diff_id)
    answer = await tools.store({"op": "adopt-layer", "commit": layer.commit, "ref": ref})
    with understood("store"):
        get_int(answer, "objects")
    await tools.aside(_remember_adopted, layer, verified, tools)
    return layer.commit


def _remember_adopted(layer: PlannedLayer, verified: Verified, tools: Tools) -> None:
    if _as_it_is(layer, verified, tools).source is not Source.SHARED:
        raise NotFound("the layer's owner shares it no longer")  # and it is downloaded instead
    _remember(layer, layer.commit, verified, tools, anonymous=True)


async def _import_blob(fetched: FetchedLayer, planned: Layered, tools: Tools) -> tuple[str, tuple[str, ...]]:
    layer, verified = fetched.layer, planned.verified
    remote = verified.resolved.remote
    request: JsonObject = {
        **_operation(layer, planned),
        "diff_id": str(layer.diff_id),
        "max_bytes": planned.layer_bytes,
        "strict": remote.strict,
        "ref": layer_ref(remote.name, layer.diff_id, layer.reading),
    }
    answer = await read_tar(fetched, request, tools)
    if fetched.blob is not None and not remote.keep_blobs:
        await tools.aside(fetched.blob.unlink, missing_ok=True)
    with understood("store"):
        commit = Digest(get_str(answer, "commit")).hex
        dropped = tuple(get_strings(answer, "dropped", []))
    await tools.aside(_remember_imported, fetched, commit, verified, tools)
    return commit, dropped


def _remember_imported(fetched: FetchedLayer, commit: str, verified: Verified, tools: Tools) -> None:
    layer, remote, private = fetched.layer, verified.resolved.remote, _is_private(verified, tools)
    _remember(layer, commit, verified, tools, anonymous=not private)
    if remote.keep_blobs and fetched.blob is not None:
        names = layer.diff_id, layer.descriptor.digest
        keep(tools.paths, remote.name, fetched.blob, names, private=private)


def _operation(layer: PlannedLayer, planned: Layered) -> JsonObject:
    """How the store is to read a layer: for paths, for objects, or for the commit that needs the objects."""
    if planned.published is None or layer.reading is Reading.PLAIN:
        return {"op": "import-layer"}
    if not layer.use.holds_commit:
        return {"op": "import-objects"}
    before = planned.order[1 : planned.published.layers]
    refs = [layer_ref(planned.remote.name, diff_id, Reading.OSTREE) for diff_id in before]
    return {"op": "import-commit-layer", "commit": planned.published.commit, "before": [*dict.fromkeys(refs)]}


def _remember(layer: PlannedLayer, commit: str, verified: Verified, tools: Tools, *, anonymous: bool) -> None:
    """Write the layer's record, unless the remote is another by now: its successor inherits nothing.

    To be done aside, in one piece: a change of the remote that comes later finds the record, and removes it.
    """
    confirm_remote(verified.resolved.remote, verified.resolved.reference, tools)
    remote = verified.resolved.remote
    record = LayerRecord(
        remote.name, layer.diff_id, commit, anonymous, layer.reading, remote.strict, layer.use.holds_commit
    )
    remember(tools.paths, record)


async def read_tar(
    fetched: FetchedLayer, request: JsonObject, tools: Tools, out: int | None = None
) -> JsonObject:
    """The store's answer to the blob's tar, which a decoder inflates where it is compressed.

    `out`, taken over, is where the store writes what it is asked for, if that is anything. Raises Failed
    where the blob is gone, LimitExceeded where its decoder would have to keep too much.
    """
    more = {} if out is None else {"out": out}
    try:
        blob = _opened(fetched)
    except (Failed, LimitExceeded):
        for descriptor in more.values():
            os.close(descriptor)
        raise
    compression = COMPRESSION[fetched.layer.descriptor.media_type]
    decoder = _decoder(compression, tools)
    if decoder is None:
        answer = await tools.store(request, fds={"tar": blob, **more})
    else:
        reading, writing = os.pipe()
        inflating = _inflate(decoder, blob, writing, tools)
        status, answer = await two_ends(inflating, tools.store(request, fds={"tar": reading, **more}))
        if not _inflated(status, compression, tools):
            raise DigestMismatch(f"layer {fetched.layer.descriptor.digest} cannot be inflated whole")
    return answer


def _opened(fetched: FetchedLayer) -> int:
    if fetched.blob is None:
        raise Failed("a layer without bytes")
    try:
        blob = os.open(fetched.blob, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise Failed(
            f"the blob of layer {fetched.layer.descriptor.digest} cannot be opened: {error.strerror}"
        ) from error
    try:
        check_window(os.pread(blob, HEADER_BYTES, 0), fetched.layer.descriptor.digest)
    except LimitExceeded:
        os.close(blob)
        raise
    return blob


def _decoder(compression: str, tools: Tools) -> tuple[str, ...] | None:
    match compression:
        case "none":
            return None
        case "zstd":
            return "zstd", "-dc", f"-M{ZSTD_WINDOW >> 20}MB"
        case _:
            return tools.gunzip, "-dc"


async def _inflate(decoder: tuple[str, ...], blob: int, sink: int, tools: Tools) -> int:
    """The decoder's exit status. Raises Failed where it was killed or never ran: no layer is to blame.

    That its reader is gone ends it too, and is no failure of its own.
    """
    argv = tools.launcher.stock(*_LIMITS, *decoder)
    status = await pump(argv, source=blob, sink=sink, deadline=INFLATE_DEADLINE, what="inflating a layer")
    number = -status if status < 0 else status - BY_SIGNAL
    if number == signal.SIGPIPE or 0 <= status < CANNOT_RUN:
        return status
    if status == NOT_THERE:
        raise missing(decoder[0], "layers that are packed so cannot be read")
    how = f"was killed by signal {number}" if number > 0 else f"did not run (exit status {status})"
    raise Failed(f"the decoder of a layer {how}")


def _inflated(status: int, compression: str, tools: Tools) -> bool:
    """Whether a decoder is content. gzip(1) says 2 for bytes behind the stream, which igzip passes over.

    They are part of the signed blob, and the diffID is the judge of what came out.
    """
    warned = status == GZIP_WARNING and (compression, tools.gunzip) == ("gzip", "gzip")
    return status == 0 or warned
