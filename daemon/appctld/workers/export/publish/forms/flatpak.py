# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What flatpak reads from an image's labels: a whole commit but its tree.

Guarantees: pure; only a commit that `flatpak build-export` could have made gets them. Leaves to others: the
tree, which is an ordinary image's (plain.py). Source: what `flatpak build-bundle --oci` writes.
"""

import base64
from collections.abc import Mapping

from appctld.errors import BadManifest
from appctld.model.flatpak.labels import COMMIT_METADATA, FLATPAK_METADATA, REF
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.workers.export.publish.source.described import Described

DOWNLOAD_SIZE = "org.flatpak.download-size"


def ref_of(labels: Mapping[str, str]) -> FlatpakRef:
    """The app or the runtime that the labels name. Raises BadManifest."""
    if REF not in labels:
        hint = "flatpak build-export REPO DIRECTORY    (then publish its commit)"
        raise BadManifest("no commit of flatpak's: it is bound to no app/… or runtime/…", hint=hint)
    return parse_ref(labels[REF])


def labels(name: str, described: Described) -> Mapping[str, str]:
    """Every label of flatpak's but the size of the download, as far as the commit says it."""
    commit = described.commit
    bound = (described.text("xa.ref"), *described.texts("ostree.ref-binding"))
    found = {
        REF: next((ref for ref in bound if ref.startswith(("app/", "runtime/"))), ""),
        FLATPAK_METADATA: described.text("xa.metadata"),
        "org.flatpak.commit": name,
        "org.flatpak.parent-commit": described.parent,
        "org.flatpak.timestamp": str(commit.timestamp),
        "org.flatpak.subject": commit.subject,
        "org.flatpak.body": described.body,
        "org.flatpak.installed-size": _size(described.values.get("xa.installed-size", b"")),
    }
    values = {
        f"{COMMIT_METADATA}{key}": base64.b64encode(value).decode() for key, value in described.values.items()
    }
    return {key: value for key, value in {**found, **values}.items() if value}


def _size(value: bytes) -> str:
    """A serialized size, which flatpak writes big-endian."""
    return str(int.from_bytes(value[:8])) if value else ""
