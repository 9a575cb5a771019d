# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an image asks to be allowed: flatpak's metadata keyfile, read into (kind, value, risk).

What this version cannot grant is refused by name, so that nothing is asked for, shown and then ignored.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from appctld.errors import BadManifest, UnsupportedMediaType
from appctld.model.jsonvalue import Json, JsonError
from appctld.model.keyfile import KeyfileError, parse_keyfile

METADATA_BYTES = 64 << 10  # flatpak's own are below 4 KiB
LEAVES = "leaves the sandbox"
LIMITED = "limited"
_CONTROL = r"\x00-\x1f\x7f-\x9f"
_PATH = re.compile(
    rf"(?:home|~(?:/[^{_CONTROL}:]+)?|/[^{_CONTROL}:]*|xdg-[a-z]+(?:/[^{_CONTROL}:]+)?)(?::ro)?"
)
_COMMAND = re.compile(rf"[^{_CONTROL}]{{1,4096}}")
_GRANTABLE = {
    "shared": {"network"},
    "sockets": {"wayland", "x11", "fallback-x11", "pulseaudio"},
    "devices": {"dri"},
}
_RISK = {"wayland": LIMITED, "dri": LIMITED}


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One wish: `kind` is a key of [Context] (shared, sockets, devices, filesystems), `value` one word."""

    kind: str
    value: str
    risk: str

    def to_json(self) -> Json:
        """As it stands in records and on the bus."""
        return [self.kind, self.value, self.risk]

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read it back. Raises JsonError."""
        match value:
            case [str(kind), str(text), str(risk)]:
                return cls(kind, text, risk)
            case _:
                raise JsonError("a permission that is no (kind, value, risk)")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The parts of a metadata keyfile that mean something to this version."""

    name: str
    command: str
    runtime: str
    permissions: tuple[Permission, ...]


def permissions_hash(permissions: tuple[Permission, ...]) -> str:
    """What a preview gives out and an install gives back, so that nobody accepts what he was not shown."""
    return hashlib.sha256(repr(sorted(permissions)).encode()).hexdigest()


def parse_metadata(text: str) -> Metadata:
    """Read a metadata keyfile (flatpak-metadata(5)).

    Raises BadManifest, or UnsupportedMediaType for a wish of a kind that this version cannot grant.
    """
    try:
        groups = parse_keyfile(text)
    except KeyfileError as error:
        raise BadManifest("the image's metadata is no key file") from error
    if "Application" not in groups:
        raise BadManifest("the image's metadata has no [Application]")
    application = groups["Application"]
    command = application.get("command", "")
    if command and not _COMMAND.fullmatch(command):
        raise BadManifest("the command in the image's metadata has control characters")
    return Metadata(
        name=application.get("name", ""),
        command=command,
        runtime=application.get("runtime", ""),
        permissions=tuple(sorted(_wishes(groups))),
    )


def _wishes(groups: Mapping[str, Mapping[str, str]]) -> set[Permission]:
    for group in ("Session Bus Policy", "System Bus Policy"):
        if groups.get(group):
            raise UnsupportedMediaType(f"the image asks for [{group}], which this version cannot grant")
    return {
        _wish(kind, word.strip())
        for kind, words in groups.get("Context", {}).items()
        for word in words.split(";")
        if word.strip()
    }


def _wish(kind: str, value: str) -> Permission:
    if kind == "filesystems":
        if not _PATH.fullmatch(value) or ".." in value.removesuffix(":ro").split("/"):
            raise BadManifest("the metadata asks for a file system that has no such name")
        return Permission(kind, value, LEAVES)
    if value not in _GRANTABLE.get(kind, ()):
        raise UnsupportedMediaType(
            f"the image asks for {kind!r:.40} = {value!r:.80}, which this version cannot grant"
        )
    return Permission(kind, value, _RISK.get(value, LEAVES))
