# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What callers are told about apps and plans: plain dictionaries with the interface's keys. Pure."""

from collections.abc import Sequence

from appctld.model.digest import Digest
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.ostreeref import split_ref
from appctld.model.permissions import permissions_hash
from appctld.pipeline.plans import Plan
from appctld.pipeline.stages import Deployed, Planned
from appctld.state.exports import exported
from appctld.state.paths import Paths
from appctld.state.records import Installed, Record
from appctld.trust.order import agreed_time, moment_of

DEPLOYMENT_FACTS = (
    "version", "remote", "reference", "tag", "image-digest", "index-digest", "config-digest", "commit",
    "verify", "signers", "threshold", "identity", "tag-bound", "verdict", "checked-at", "created",
    "deployment", "installed-size", "install-time",
)  # fmt: skip
"""What `List` says of every deployment that is here; permissions and layers it says of the current one."""


def record_view(record: Record, paths: Paths) -> JsonObject:
    """The facts of one deployment; `deployment` is the directory with its files."""
    facts = {key.replace("_", "-"): value for key, value in record.to_json().items()}
    facts["signers"] = [
        {"fingerprint": signer.fingerprint, "name": signer.name, "signed-at": signer.signed_at}
        for signer in record.signers
    ]
    facts["deployment"] = str(paths.app(record.id) / record.deployment / "files")
    facts["tag"] = tag_of(record.reference)
    facts["kind"] = kind_of(record.flatpak_ref)
    facts["permissions-hash"] = permissions_hash(record.permissions)
    return facts


def app_view(app: Installed, paths: Paths, scope: str) -> JsonObject:
    """An installed app, as `List` gives it, as far as its records tell."""
    kept: list[Json] = [record.version for record in app.kept]
    deployments: list[Json] = [_deployment_view(record, app, paths) for record in app.records]
    return {
        **record_view(app.current, paths),
        **_exports_view(app.current, paths),
        "order-by": _order_by(app.current),
        "scope": scope,
        "kept": kept,
        "deployments": deployments,
    }


def _exports_view(record: Record, paths: Paths) -> JsonObject:
    """What desktops see of it, and what they do not and why."""
    seen = exported(paths.app(record.id) / record.deployment)
    return {
        "desktop-ids": [*seen.desktop_ids],
        "icon-name": seen.icon,
        "metainfo-path": str(paths.exports / "share" / seen.metainfo) if seen.metainfo else "",
        "not-exported": [{"path": path, "reason": reason} for path, reason in seen.refused],
    }


def _deployment_view(record: Record, app: Installed, paths: Paths) -> JsonObject:
    facts = record_view(record, paths)
    return {"current": record is app.current, **{key: facts[key] for key in DEPLOYMENT_FACTS}}


def outcome_view(
    record: Record, paths: Paths, *, changed: bool, previous: Record | None = None
) -> JsonObject:
    """One app in the result of an install, update or rollback."""
    return {
        **record_view(record, paths),
        "changed": changed,
        "previous-version": previous.version if previous else "",
    }


def deployed_view(deployed: Deployed, others: Sequence[Deployed], paths: Paths) -> JsonObject:
    """The same of what was just deployed, and what was with it."""
    also: list[Json] = [
        _companion(one.record, one.record.image_digest, one.record.bytes_downloaded) for one in others
    ]
    view = outcome_view(deployed.record, paths, changed=True, previous=deployed.previous)
    return {**view, "also": also}


def preview_view(planned: Plan, before: Sequence[Planned] = ()) -> JsonObject:
    """What an install of `planned` would do, and of what comes with it."""
    also: list[Json] = [_companion(one, one.digest, one.bytes_to_download) for one in before]
    runtime = str(planned.described.runtime or "") if isinstance(planned, Planned) else ""
    verdict = planned.verdict
    signer = verdict.signers[0] if verdict.signers else None
    return {
        "id": planned.id,
        "title": planned.title,
        "version": planned.version,
        "reference": str(planned.reference),
        "image-digest": str(planned.digest),
        "remote": planned.remote.name,
        "verify": verdict.verify,
        "signer": signer.fingerprint if signer else "",
        "signer-name": signer.name if signer else "",
        "signed-at": signer.signed_at if signer else 0,
        "tag-bound": verdict.tag_bound,
        "runtime": runtime,
        "runtime-installed": bool(runtime) and not any(str(one.described.ref) == runtime for one in before),
        "also": also,
        "download-size": (planned.bytes_to_download or 0) + sum(one.bytes_to_download for one in before),
        "size-unknown": planned.bytes_to_download is None,
        "reuse-size": planned.bytes_here + sum(one.bytes_here for one in before),
        "installed-size": installed_size(planned) + sum(map(installed_size, before)),
        "layers-total": planned.layers_total,
        "layers-to-download": planned.layers_to_download,
        "permissions": [permission.to_json() for permission in planned.permissions],
        "permissions-hash": permissions_hash(planned.permissions),
        "ignored": list(planned.ignored),
        "installed": planned.current.version if planned.current else "",
        "switches-from": _switches_from(planned),
        "change": _change(planned),
        "downgrade": planned.standing.downgrade,
    }


def installed_size(planned: Plan) -> int:
    """What its publisher says that it takes on a disk; 0 where nobody says so."""
    return planned.installed_size if isinstance(planned, Planned) else 0


def _companion(one: Planned | Record, digest: Digest, size: int) -> JsonObject:
    """What comes with an app, in a few words."""
    return {
        "id": one.id,
        "version": one.version,
        "reference": str(one.reference),
        "image-digest": str(digest),
        "bytes": size,
    }


def kind_of(flatpak_ref: str) -> str:
    """What a ref of flatpak is of: runtime (extensions too), else app."""
    return "runtime" if flatpak_ref.startswith("runtime/") else "app"


def tag_of(reference: str) -> str:
    """The tag in a reference's text, or the ref of a repository; empty for one by digest."""
    if ref := split_ref(reference):
        return ref.ref
    last = reference.rpartition("/")[2]
    return "" if "@" in last else last.partition(":")[2]


def _order_by(record: Record) -> str:
    """Who tells the time that orders its images: created, signature or nobody (R9)."""
    signed_at = agreed_time((signer.signed_at for signer in record.signers), record.threshold)
    return moment_of(record.image_digest, record.config_digest, record.created, signed_at).told_by.value


def _switches_from(planned: Plan) -> str:
    """What the app got its updates from until now, where that is another tag: one ID has one."""
    before = planned.current.reference if planned.current else ""
    return before if before != str(planned.reference) else ""


def _change(planned: Plan) -> str:
    if planned.standing.downgrade:
        return "downgrade"
    if planned.current is None:
        return "install"
    return "none" if planned.current.image_digest == planned.digest else "update"
