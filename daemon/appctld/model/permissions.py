# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an image asks to be allowed: flatpak's metadata keyfile, read into (kind, value, risk).

What this version cannot grant is refused by name, so that nothing is asked for, shown and then ignored.
"""

import configparser
import hashlib
import re
from dataclasses import dataclass
from typing import Self

from appctld.errors import BadManifest, UnsupportedMediaType
from appctld.model.jsonvalue import Json, JsonError

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
    keyfile = configparser.RawConfigParser(
        strict=True,
        delimiters=("=",),
        comment_prefixes=("#",),
        default_section="",  # GKeyFile has none, and no section can be called so
    )
    keyfile.optionxform = str  # type: ignore[assignment,method-assign]  # keys are case-sensitive there
    try:
        keyfile.read_string(text)
    except configparser.Error as error:
        raise BadManifest("the metadata is no keyfile") from error
    if "Application" not in keyfile:
        raise BadManifest("the metadata has no [Application]")
    command = keyfile.get("Application", "command", fallback="")
    if command and not _COMMAND.fullmatch(command):
        raise BadManifest("the metadata's command has control characters")
    return Metadata(
        name=keyfile.get("Application", "name", fallback=""),
        command=command,
        runtime=keyfile.get("Application", "runtime", fallback=""),
        permissions=tuple(sorted(_wishes(keyfile))),
    )


def _wishes(keyfile: configparser.RawConfigParser) -> set[Permission]:
    for section in ("Session Bus Policy", "System Bus Policy"):
        if section in keyfile and keyfile.items(section):
            raise UnsupportedMediaType(f"the image asks for [{section}], which this version cannot grant")
    wishes: set[Permission] = set()
    for kind, text in keyfile.items("Context") if "Context" in keyfile else ():
        for value in filter(None, (word.strip() for word in text.split(";"))):
            wishes.add(_wish(kind, value))
    return wishes


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
