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
_KINDS = {"app", "runtime"}
_PARTS = 4  # of app/ID/ARCHITECTURE/BRANCH


def ref_of(described: Described) -> str:
    """The ref that the commit is bound to. Raises BadManifest."""
    bound = (described.text("xa.ref"), *described.texts("ostree.ref-binding"))
    found = [ref for ref in bound if len(parts := ref.split("/")) == _PARTS and parts[0] in _KINDS]
    if not found:
        hint = "flatpak build-export REPO DIRECTORY    (then publish its commit)"
        raise BadManifest("no commit of flatpak's: it is bound to no app/… or runtime/…", hint=hint)
    return found[0]


def platform_of(ref: str) -> Platform:
    """The platform that a ref names."""
    architecture = ref.split("/")[2]
    return Platform("linux", _ARCHITECTURES.get(architecture, architecture))


def labels(name: str, described: Described, metadata: str, download_size: int) -> Mapping[str, str]:
    """Every label of flatpak's; `download_size` is in bytes."""
    commit = described.commit
    found = {
        "org.flatpak.ref": ref_of(described),
        "org.flatpak.metadata": metadata,
        "org.flatpak.commit": name,
        "org.flatpak.parent-commit": described.parent,
        "org.flatpak.timestamp": str(commit.timestamp),
        "org.flatpak.subject": commit.subject,
        "org.flatpak.body": described.body,
        "org.flatpak.installed-size": _size(described.values.get("xa.installed-size", b"")),
        "org.flatpak.download-size": str(download_size),
    }
    values = {
        f"org.flatpak.commit-metadata.{key}": base64.b64encode(value).decode()
        for key, value in described.values.items()
    }
    return {key: value for key, value in {**found, **values}.items() if value}


def _size(value: bytes) -> str:
    """A serialized size, which flatpak writes big-endian."""
    return str(int.from_bytes(value[:8])) if value else ""
