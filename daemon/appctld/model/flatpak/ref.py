# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Refs of flatpak: `app/ID/ARCH/BRANCH` and `runtime/NAME/ARCH/BRANCH`, and the IDs that they have here.

Pure. An app's ID is its own, whatever its branch: one ID, one version. Branches of a runtime stand beside
each other, so a branch is part of a runtime's ID: org.gnome.Platform//45 is `org.gnome.Platform._45`. Two
branches may come out as one ID (1.0 and 1_0): who installs sees to it that they are not taken for each other.
"""

import re
from dataclasses import dataclass

from appctld.errors import BadManifest
from appctld.model.appid import checked_id, id_part

REF_LENGTH = 255  # characters; flatpak's longest are about 150, and a file name has no more
APP, RUNTIME = "app", "runtime"
_ARCH = re.compile(r"[A-Za-z0-9_]+")
_BRANCH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_OCI_NAMES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386"}  # all others are called alike
_FLATPAK_NAMES = {oci: flatpak for flatpak, oci in _OCI_NAMES.items()}


@dataclass(frozen=True, slots=True)
class FlatpakRef:
    """One branch of an app, or of a runtime; extensions are runtimes too. `arch` is flatpak's name of it."""

    kind: str
    name: str
    arch: str
    branch: str

    @property
    def id(self) -> str:
        """The ID that it has here."""
        return self.name if self.kind == APP else f"{self.name}.{id_part(self.branch)}"

    def id_beside(self, remote: str) -> str:
        """The ID of that remote's runtime where another's has `id`: no branch makes a part with a hyphen."""
        return f"{self.id}-{remote}"

    @property
    def is_runtime(self) -> bool:
        """Whether it is a runtime or an extension."""
        return self.kind == RUNTIME

    @property
    def architecture(self) -> str:
        """As OCI calls it."""
        return _OCI_NAMES.get(self.arch, self.arch)

    @property
    def short(self) -> str:
        """As metadata and people write a runtime: NAME/ARCH/BRANCH."""
        return f"{self.name}/{self.arch}/{self.branch}"

    def __str__(self) -> str:
        return f"{self.kind}/{self.short}"


def parse_ref(text: str) -> FlatpakRef:
    """Read a whole ref. Raises BadManifest."""
    kind, *rest = text.split("/")
    if kind not in {APP, RUNTIME} or len(rest) != len(("name", "arch", "branch")) or len(text) > REF_LENGTH:
        raise BadManifest(f"{text[:80]!r} is no ref of flatpak (app/ID/ARCH/BRANCH)")
    name, arch, branch = rest
    if not _ARCH.fullmatch(arch) or not _BRANCH.fullmatch(branch):
        raise BadManifest(f"{text[:80]!r} is no ref of flatpak: no such architecture or branch")
    return FlatpakRef(kind, checked_id(name), arch, branch)  # whose ID is one, and shorter than the ref


def parse_runtime(text: str) -> FlatpakRef:
    """Read what `runtime=` names: NAME/ARCH/BRANCH. Raises BadManifest."""
    return parse_ref(f"{RUNTIME}/{text}")


def flatpak_arch(architecture: str) -> str:
    """What flatpak calls an architecture of OCI."""
    return _FLATPAK_NAMES.get(architecture, architecture)
