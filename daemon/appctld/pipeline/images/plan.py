# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Step 3: what an install would do, decided on verified bytes only.

The config is fetched and must be the blob that the signed manifest names; then each distinct layer is held by
this remote, shared by another (R5), or missing. Whose ID it is, is decided here too (R8), and whether it is
older than what was installed before (R9). What the administrator forbids is refused before its layers come.
"""

from appctld.config.remote import Remote
from appctld.errors import ArchMismatch, BadManifest, DigestMismatch
from appctld.model.appid import checked_id, id_of_reference
from appctld.model.digest import Digest
from appctld.model.flatpak.labels import Described, describe, title_of, version_in
from appctld.model.image import CONFIG_BYTES, ImageConfig, config_of
from appctld.model.jsonvalue import JsonObject
from appctld.model.manifest import Descriptor
from appctld.model.published import PublishedCommit, Reading, Use, published_commit, uses
from appctld.model.reference import Reference
from appctld.pipeline.admission.claims import allowed_id, called, check_policy, check_ref, owned
from appctld.pipeline.admission.here import digest_here
from appctld.pipeline.admission.runtimes import runtime_id
from appctld.pipeline.admission.standing import stand
from appctld.pipeline.stages import Planned, PlannedLayer, Resolved, Source, Verified
from appctld.pipeline.tools import Tools
from appctld.state.layers import held, shared


async def plan(verified: Verified, tools: Tools) -> Planned:
    """Fetch the config and decide what is to be done.

    Raises DigestMismatch, BadManifest, ArchMismatch, Conflict (the ID belongs to somebody else),
    PolicyDenied, or as `describe` and `stand` (R9).
    """
    config_bytes = await signed_config(verified, tools)
    config = config_of(config_bytes, verified.manifest.layers)
    _check_platform(config, tools)
    resolved, described = verified.resolved, describe(config)
    own = allowed_id(_named(verified, described), resolved.remote)
    named = called(own, described.ref, resolved.remote, tools)
    app_id = _id(named, described, resolved.remote, tools)
    current = owned(app_id, resolved.reference, resolved.remote, tools)
    check_ref(described.ref, current)
    published = published_commit(config)
    planned = Planned(
        verified=verified,
        config=config,
        config_bytes=config_bytes,
        id=app_id,
        version=version_of(config, resolved.reference, resolved.digest),
        title=title_of(config),
        described=described,
        current=current,
        standing=stand(verified, config, named, digest_here(app_id, tools), tools),
        order=config.diff_ids,
        layers=layers_of(config, published, verified, tools),
        published=published,
        given_id=named != own,
    )
    await check_policy(planned, planned.bytes_to_download + planned.bytes_here, tools)
    return planned


def version_of(config: ImageConfig, reference: Reference, digest: Digest) -> str:
    """What people call this image: what its labels say, else the tag, else the beginning of the digest."""
    return version_in(config) or reference.tag or digest.hex[:12]


def plan_layer(
    use: Use,
    descriptor: Descriptor,
    verified: Verified,
    tools: Tools,
    *,
    adopt: bool = True,
    held_counts: bool = True,
) -> PlannedLayer:
    """Where one layer comes from, as things stand now; from another remote only with `adopt`.

    With `held_counts` unset it is as if this remote did not have it. So it is, too, where it was read for a
    commit and is to hold none, or the other way round: what is accepted depends on nothing that is here.

    Layers of objects come from nobody else: in them a remote's own are told apart by no path. With strict=yes
    only what was read so counts, and nothing comes from others, who may have read it otherwise.
    """
    remote = verified.resolved.remote
    source, commit = Source.MISSING, ""
    record = held(tools.paths, remote.name, use.diff_id, use.reading) if held_counts else None
    if record is not None and record.holds_commit != use.holds_commit:
        record = None
    if record is not None and (record.strict or not remote.strict):
        source, commit = Source.HELD, record.commit
    elif remote.share and adopt and use.reading is Reading.PLAIN and not remote.strict:
        others = [name for name in tools.shares() if name != remote.name]
        record = shared(tools.paths, others, use.diff_id)
        if record is not None:
            source, commit = Source.SHARED, record.commit
    return PlannedLayer(descriptor, use, source, commit)


def layers_of(
    config: ImageConfig, published: PublishedCommit | None, verified: Verified, tools: Tools
) -> tuple[PlannedLayer, ...]:
    """Each layer once for each way in which it is read.

    That of a commit whose signature is asked for comes anew with every install: signatures are in it alone.
    """
    asked = verified.resolved.remote.verify_commit != "no"
    found = uses(config.diff_ids, published.layers if published else 0)
    distinct = dict(zip(found, verified.manifest.layers, strict=True))
    return tuple(
        plan_layer(use, descriptor, verified, tools, held_counts=not (asked and use.holds_commit))
        for use, descriptor in distinct.items()
    )


async def signed_config(verified: Verified, tools: Tools) -> bytes:
    """The config's bytes, which the signed manifest names. Raises BadManifest, DigestMismatch."""
    wanted = verified.manifest.config
    if wanted.size > CONFIG_BYTES:
        raise BadManifest(f"an image config of {wanted.size} bytes")
    if tools.stock is not None:
        data, whose = tools.stock.config, "what is kept here has"
    else:
        data, whose = await _fetched(wanted, verified.resolved, tools), "the registry serves"
    if len(data) != wanted.size or Digest.of(data) != wanted.digest:
        raise DigestMismatch(f"{whose} other bytes than the image config {wanted.digest}")
    return data


async def _fetched(wanted: Descriptor, resolved: Resolved, tools: Tools) -> bytes:
    request: JsonObject = {
        "op": "blob",
        "digest": str(wanted.digest),
        "size": wanted.size,
        **tools.endpoint(resolved.remote, resolved.reference),
    }
    _, data = await tools.fetch_bytes(request, wanted.size)
    return data


def _check_platform(config: ImageConfig, tools: Tools) -> None:
    """Skopeo signs every instance of an index with the same tag, so the config must say what it is."""
    ours, theirs = tools.platform, config.platform
    if (theirs.os, theirs.architecture) != (ours.os, ours.architecture):
        raise ArchMismatch(f"an image for {theirs}, and this machine is {ours}")


def _named(verified: Verified, described: Described) -> str:
    """The ID that the image has wherever it is installed, unless somebody gives it another."""
    named = described.name
    return checked_id(named) if named else id_of_reference(verified.resolved.reference)


def _id(named: str, described: Described, remote: Remote, tools: Tools) -> str:
    """The ID that it has here: a runtime's may be another remote's already."""
    ref = described.ref
    return checked_id(runtime_id(ref, remote.name, tools)) if ref and ref.is_runtime else named
