# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What flatpak reads from an image's labels: a whole commit but its tree.

Guarantees: pure; only a commit that `flatpak build-export` could have made gets them. Leaves to others: the
tree, which is an ordinary image's (plain.py). Source: flatpak's doc/oci-labels; `flatpak build-bundle --oci`.
"""

import base64
from collections.abc import Mapping

from appctld.errors import BadManifest
from appctld.model.manifest import Platform
from appctld.workers.export.publish.source.described import Described

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386"}  # others have the same name in both
REF, METADATA = "org.flatpak.ref", "org.flatpak.metadata"
DOWNLOAD_SIZE = "org.flatpak.download-size"

_KINDS = {"app", "runtime"}
_PARTS = 4  # of app/ID/ARCHITECTURE/BRANCH


def ref_of(labels: Mapping[str, str]) -> str:
    """The ref of an app or a runtime that the labels say. Raises BadManifest."""
    found = labels.get(REF, "")
    if not _is_ref(found):
        hint = "flatpak build-export REPO DIRECTORY    (then publish its commit)"
        raise BadManifest("no commit of flatpak's: it is bound to no app/… or runtime/…", hint=hint)
    return found


def _is_ref(text: str) -> bool:
    parts = text.split("/")
    return len(parts) == _PARTS and parts[0] in _KINDS and all(parts)


def platform_of(ref: str) -> Platform:
    """The platform that a ref names."""
    architecture = ref.split("/")[2]
    return Platform("linux", _ARCHITECTURES.get(architecture, architecture))


def labels(name: str, described: Described) -> Mapping[str, str]:
    """Every label of flatpak's but the size of the download, as far as the commit says it."""
    commit = described.commit
    bound = (described.text("xa.ref"), *described.texts("ostree.ref-binding"))
    found = {
        REF: next(filter(_is_ref, bound), ""),
        METADATA: described.text("xa.metadata"),
        "org.flatpak.commit": name,
        "org.flatpak.parent-commit": described.parent,
        "org.flatpak.timestamp": str(commit.timestamp),
        "org.flatpak.subject": commit.subject,
        "org.flatpak.body": described.body,
        "org.flatpak.installed-size": _size(described.values.get("xa.installed-size", b"")),
    }
    values = {
        f"org.flatpak.commit-metadata.{key}": base64.b64encode(value).decode()
        for key, value in described.values.items()
    }
    return {key: value for key, value in {**found, **values}.items() if value}


def _size(value: bytes) -> str:
    """A serialized size, which flatpak writes big-endian."""
    return str(int.from_bytes(value[:8])) if value else ""
