# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an image or a native commit claims for itself: permissions, and an ID; and whether it may have that.

The tree's own metadata file is held against the label that the preview showed: shown unlike deployed is
refused (CVE-2021-43860), and what a file without a label asks for is granted once somebody was shown that.
"""

from appctld.config.remote import Remote
from appctld.errors import BadManifest, Conflict, ContentMismatch, NotFound
from appctld.model.flatpak.labels import Described, needed_runtime
from appctld.model.flatpak.ref import FlatpakRef
from appctld.model.flatpak.runtime import parse_runtime_metadata
from appctld.model.ostreeref import AnyReference
from appctld.model.permissions import (
    METADATA_BYTES,
    METADATA_FILES,
    Metadata,
    Permission,
    parse_metadata,
)
from appctld.pipeline.admission.approval import check_asked
from appctld.pipeline.admission.here import record_here
from appctld.pipeline.plans import Plan
from appctld.pipeline.tools import Tools
from appctld.state.records import Record


def read_label(text: str | None) -> Metadata | None:
    """A native commit's label. Raises BadManifest, UnsupportedMediaType, or NotFound (a runtime)."""
    if text is None:
        return None
    if len(text.encode()) > METADATA_BYTES:
        raise BadManifest("a metadata label of more than 64 KiB")
    metadata = parse_metadata(text)
    if metadata.runtime:
        raise NotFound(f"runtime {metadata.runtime[:80]!r} is not here, and this version installs none")
    return metadata


def check_tree(
    planned: Plan, described: Described, found: str | None, tools: Tools
) -> tuple[Permission, ...]:
    """What the app asks for. Raises as `check_metadata`, and BadManifest for no metadata of such an image."""
    if described.ref is not None and described.is_runtime and described.text is None:
        if found is not None:
            parse_runtime_metadata(found, described.ref)
        return ()
    asked = check_metadata(planned, described.text, found, tools, path=described.files[0])
    if found is not None and not described.is_runtime:
        needed_runtime(found)
    return asked


def check_metadata(
    planned: Plan, label: str | None, found: str | None, tools: Tools, path: str = METADATA_FILES[0]
) -> tuple[Permission, ...]:
    """What the app asks for: what its label showed, or what its file says where there is none.

    Raises ContentMismatch (the file is not as its label), NeedsApproval (nobody was shown what it asks for).
    """
    if label is not None:
        if found is None or found.rstrip("\n") != label.rstrip("\n"):  # a shell's $(cat …) takes those off
            raise ContentMismatch("the image's metadata file is not what its label says", path=path)
        return planned.permissions
    asked = parse_metadata(found).permissions if found is not None else ()
    approved = planned.current.permissions if planned.current else ()
    check_asked(planned, asked, approved, tools.accepted, "asks, in a file that no label showed, for")
    return asked


def called(own: str, ref: FlatpakRef | None, remote: Remote, tools: Tools) -> str:
    """The ID that somebody gave to the image, within what its remote may use, else its `own`.

    R9 is about that one: two tags of one image under two IDs follow each its own order. Raises Conflict.
    """
    if tools.as_id in {"", own}:
        return own
    if ref is not None and ref.is_runtime:
        raise Conflict(f"{own} is a runtime, which apps find by its ID", hint="leave --as out")
    return allowed_id(tools.as_id, remote)


def allowed_id(app_id: str, remote: Remote) -> str:
    """The ID, if this remote may use it. Raises Conflict."""
    if not remote.allows(app_id):
        raise Conflict(
            f"remote {remote.name} may not install {app_id}", hint=f"appctl remote show {remote.name}"
        )
    return app_id


async def check_policy(planned: Plan, size: int, tools: Tools) -> None:
    """Raise PolicyDenied where the administrator forbids it; what is here was judged when it came."""
    if planned.current is None or planned.current.image_digest != planned.digest:
        (await tools.aside(tools.policy)).check_app(planned.id, planned.permissions, size)


def check_ref(ref: FlatpakRef | None, current: Record | None) -> None:
    """Raise Conflict where one ID means another ref of flatpak than it did, be it a runtime's."""
    mine, installed = str(ref or ""), current.flatpak_ref if current else str(ref or "")
    if mine != installed and any(text.startswith("runtime/") for text in (mine, installed)):
        raise Conflict(f"{mine or 'an app'} would take the ID of {installed or 'an app'}, which is installed")


def owned(app_id: str, reference: AnyReference, remote: Remote, tools: Tools) -> Record | None:
    """What is installed under that ID, if it came from here (R8).

    Raises Conflict: it did not, or nothing is installed so and the host has an app of that ID.
    """
    current = record_here(app_id, tools)
    if current is None:
        if app_id not in tools.doubted:
            tools.desktop.check_free(app_id)
        return None
    if current.remote != remote.name:
        raise Conflict(
            f"{app_id} is installed from remote {current.remote}, and updates only from there",
            hint=f"appctl info {app_id}",
        )
    if current.reference != str(reference) and not current.reference.startswith(
        (f"{reference.name}:", f"{reference.name}@")
    ):
        raise Conflict(f"{app_id} is installed from {current.reference}", hint=f"appctl info {app_id}")
    return current
