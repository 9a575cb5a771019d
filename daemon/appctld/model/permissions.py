# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an image asks to be allowed: flatpak's metadata keyfile, read into (kind, value, risk).

What this version cannot grant is refused by name, so that nothing is asked for, shown and then ignored.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from appctld.errors import BadManifest, UnsupportedMediaType
from appctld.model.buspolicy import GROUPS, bus_wishes
from appctld.model.context import CONTROL, context_wishes, environment_of, unset_variables
from appctld.model.jsonvalue import Json, JsonError
from appctld.model.keyfile import KeyfileError, parse_keyfile

METADATA_BYTES = 64 << 10  # flatpak's own are below 4 KiB
METADATA_FILES = ("app/metadata", "metadata")  # where a tree has its own: in plain images, and in flatpak's
_COMMAND = re.compile(rf"[^{CONTROL}]{{1,4096}}")
_NOT_GRANTED = ("Extra Data", "USB Devices")  # groups that ask for something, and the [Policy SUBSYSTEM] ones

T = TypeVar("T")


def metadata_in(found: Mapping[str, T], paths: Sequence[str] = METADATA_FILES) -> T | None:
    """Which of a tree's metadata files counts: the first of `paths` that is there."""
    return next((found[path] for path in paths if path in found), None)


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One wish: `kind` is a key of [Context] (as shared, sockets, filesystems), `value` one word.

    Or `kind` is a bus (session-bus, system-bus), and `value` NAME:see, NAME:talk or NAME:own.
    """

    kind: str
    value: str
    risk: str

    def is_within(self, approved: Iterable["Permission"]) -> bool:
        """Whether nothing new is asked for: it was approved, or more than it was."""
        wider = {self.value, *_wider(self.kind, self.value)}
        return any(other.kind == self.kind and other.value in wider for other in approved)

    @property
    def text(self) -> str:
        """For sentences: KIND=VALUE."""
        return f"{self.kind}={self.value}"

    @property
    def has_mode(self) -> bool:
        """Whether it is a file system with less, or more, than reading and writing what is there."""
        return self.kind == "filesystems" and self.value.endswith((":ro", ":create"))

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


def _wider(kind: str, value: str) -> list[str]:
    """The values that a value is a part of: read-only of a file system, less of a bus name."""
    if kind == "filesystems":
        name = value.removesuffix(":ro")
        return [name, f"{name}:create"] if not name.endswith(":create") else []
    name, _, policy = value.rpartition(":")
    more = {"see": ("talk", "own"), "talk": ("own",)}.get(policy, ()) if kind.endswith("-bus") else ()
    return [f"{name}:{other}" for other in more]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The parts of a metadata keyfile that mean something to this version.

    `environment` is set and `unset` is not in the app; neither is a permission, as in flatpak.
    """

    name: str
    command: str
    runtime: str
    permissions: tuple[Permission, ...]
    environment: tuple[tuple[str, str], ...] = ()
    unset: tuple[str, ...] = ()


def permissions_hash(permissions: tuple[Permission, ...]) -> str:
    """What a preview gives out and an install gives back, so that nobody accepts what he was not shown.

    People write it down (apps.d), so it is of what is asked for alone, and not of the words for its risk.
    """
    wishes = sorted({(permission.kind, permission.value) for permission in permissions})
    return hashlib.sha256(json.dumps(wishes).encode()).hexdigest()


def parse_permission(kind: str, value: str) -> Permission:
    """One permission that somebody names. Raises as `parse_metadata`."""
    if not value.isprintable() or ";" in value:
        raise BadManifest("a permission that is not one word")
    return read_back(kind, value)


def read_back(kind: str, value: str) -> Permission:
    """One permission of those that an image's metadata had, whatever letters are in it. Raises as above."""
    group = next((name for name, bus in GROUPS.items() if bus == kind), None)
    name, _, policy = value.rpartition(":")
    wishes = bus_wishes({group: {name: policy}}) if group else context_wishes({kind: value})
    if len(wishes) != 1:
        raise BadManifest("a permission that is none")
    return Permission(*wishes.pop())


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
        permissions=_permissions(groups),
        environment=environment_of(groups.get("Environment", {})),
        unset=unset_variables(groups.get("Context", {})),
    )


def _permissions(groups: Mapping[str, Mapping[str, str]]) -> tuple[Permission, ...]:
    for group in groups:
        if group in _NOT_GRANTED or group.startswith("Policy "):
            raise UnsupportedMediaType(
                f"the image asks for [{group!r:.80}], which this version does not grant"
            )
    wishes = context_wishes(groups.get("Context", {})) | bus_wishes(groups)
    return tuple(sorted(Permission(*wish) for wish in wishes))
