# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an image or a native commit claims for itself: permissions, and an ID; and whether it may have that.

The tree's own metadata file is held against the label that the preview showed: shown unlike deployed is
refused (CVE-2021-43860), and a file without a label may ask for nothing that nobody was shown.
"""

from appctld.config.remote import Remote
from appctld.errors import BadManifest, Conflict, ContentMismatch, NeedsApproval, NotFound
from appctld.model.ostreeref import AnyReference
from appctld.model.permissions import METADATA_BYTES, Metadata, parse_metadata
from appctld.pipeline.here import record_here
from appctld.pipeline.tools import Tools
from appctld.state.records import Record

METADATA_FILE = "app/metadata"


def read_label(text: str | None) -> Metadata | None:
    """A label's metadata. Raises BadManifest, UnsupportedMediaType, or NotFound (a runtime)."""
    if text is None:
        return None
    if len(text.encode()) > METADATA_BYTES:
        raise BadManifest("a metadata label of more than 64 KiB")
    metadata = parse_metadata(text)
    if metadata.runtime:
        raise NotFound(f"runtime {metadata.runtime[:80]!r} is not here, and this version installs none")
    return metadata


def check_metadata(label: str | None, found: str | None) -> None:
    """Raise ContentMismatch or NeedsApproval for a file in the tree that says else than its label."""
    if label is not None:
        if found != label:
            raise ContentMismatch("the image's metadata file is not what its label says", path=METADATA_FILE)
        return
    if found is not None and parse_metadata(found).permissions:
        raise NeedsApproval(
            "the image asks for permissions in a file that no label showed", path=METADATA_FILE
        )


def allowed_id(app_id: str, remote: Remote) -> str:
    """The ID, if this remote may use it. Raises Conflict."""
    if not remote.allows(app_id):
        raise Conflict(
            f"remote {remote.name} may not install {app_id}", hint=f"appctl remote show {remote.name}"
        )
    return app_id


def owned(app_id: str, reference: AnyReference, remote: Remote, tools: Tools) -> Record | None:
    """What is installed under that ID, if it came from here (R8). Raises Conflict."""
    current = record_here(app_id, tools)
    if current is None:
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
