# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a run.json says. Pure.

Guarantees: one that this version does not understand whole is refused; the names in it are IDs, or one
component of a path; every mount point of an extension lies below what it extends.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from appctl.talk.wire import Json, JsonValue

FORMAT = 1
RUN_FILE_BYTES = 1 << 20  # the image's config, from which it is made, is not larger
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*){2,}")
_ID_LENGTH = 255
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPONENT = re.compile(r"[A-Za-z0-9_-]+")

_MEMBERS = {"format", "id", "version", "entrypoint", "cmd", "env", "unset", "cwd", "permissions",
            "volumes", "kind", "app", "usr", "runtime", "app-ref", "runtime-ref", "extensions"}  # fmt: skip
_OF_EXTENSION = {"name", "id", "ref", "at", "subdirectories", "suffix", "merge-dirs", "ld-path", "enable-if"}

Permission = tuple[str, str, str]


@dataclass(frozen=True)
class Extension:
    """One extension point: `ref` stands `at` this path, if it is installed, which is under `id`.

    With `subdirectories` so does every extension whose name begins with `name` and a dot, in a directory of
    that path that is named after the rest, then `suffix`. `libraries` is a directory of the extension's for
    the loader; `merge_dirs` are directories beside the mount point that show what all have in theirs;
    `condition` is an enable-if (flatpak-metadata(5), "Extension NAME").
    """

    name: str
    id: str
    ref: str
    at: str
    subdirectories: bool
    suffix: str
    libraries: str
    merge_dirs: tuple[str, ...]
    condition: str


@dataclass(frozen=True)
class RunFile:
    """What run.json says: the image's command, environment and directory, and what was granted.

    An app with a `runtime` (an ID) has its own files in the directory `app` of its tree; a runtime or an
    extension has them in `usr`. Refs are flatpak's names for both. `volumes` are places that it may write.
    """

    id: str
    version: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    permissions: tuple[Permission, ...]
    volumes: tuple[str, ...] = ()
    runtime: str = ""
    unset: tuple[str, ...] = ()
    kind: str = "app"
    app: str = "app"
    usr: str = "files"
    app_ref: str = ""
    runtime_ref: str = ""
    extensions: tuple[Extension, ...] = ()

    def command(self, arguments: list[str], instead: str | None) -> list[str]:
        """Return the argv: entrypoint with the arguments (or cmd), or `instead` with the arguments."""
        if instead is not None:
            return [instead, *arguments]
        if self.entrypoint:
            return [*self.entrypoint, *(arguments or self.cmd)]
        return [*self.cmd, *arguments]


def is_id(text: str) -> bool:
    """Whether a text is an application ID (docs/rules.md, "Names")."""
    return len(text) <= _ID_LENGTH and _ID.fullmatch(text) is not None


def parse(data: bytes, app: str) -> RunFile:
    """Read the content of a run.json, which must be that of `app`. Raises ValueError."""
    if len(data) > RUN_FILE_BYTES:
        raise ValueError("it is too large")
    content = json_object(data)
    if content.get("format") != FORMAT or content.get("id") != app:
        raise ValueError("another format, or another app's")
    _check_known(content, _MEMBERS)
    kind = _text(content.get("kind", "app"))
    if kind not in {"app", "runtime"}:
        raise ValueError("something else than an app or a runtime")
    cwd = _text(content.get("cwd", "/"))
    if not cwd.startswith("/"):
        raise ValueError("cwd is not absolute")
    return RunFile(
        id=app,
        version=_text(content.get("version", "")),
        entrypoint=tuple(_texts(content.get("entrypoint", []))),
        cmd=tuple(_texts(content.get("cmd", []))),
        env=dict(_variables(content.get("env", {}))),
        unset=tuple(_texts(content.get("unset", []))),
        cwd=cwd,
        volumes=tuple(map(_volume, _texts(content.get("volumes", [])))),
        runtime=_text(content.get("runtime", "")),
        permissions=tuple(_permissions(content.get("permissions", []))),
        kind=kind,
        app=_component(content.get("app", "app")),
        usr=_component(content.get("usr", "files")),
        app_ref=_line(content.get("app-ref", "")),
        runtime_ref=_line(content.get("runtime-ref", "")),
        extensions=tuple(_extensions(content.get("extensions", []), "/app/" if kind == "app" else "/usr/")),
    )


def json_object(data: bytes) -> Json:
    """Read a JSON object. Raises ValueError."""
    content = json.loads(data)
    if not isinstance(content, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - whatever is wrong with a file is a ValueError
    return content


def _check_known(content: Json, known: set[str]) -> None:
    if unknown := content.keys() - known:
        raise ValueError(f"it says more than this version knows: {min(unknown)[:40]!r}")


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("something else than a text")
    return value


def _line(value: JsonValue) -> str:
    """A text that may stand in a key file."""
    if not _text(value).isprintable():
        raise ValueError("a text with control characters")
    return _text(value)


def _texts(value: JsonValue) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("something else than a list")  # noqa: TRY004 - as above
    return [_text(item) for item in value]


def _component(value: JsonValue) -> str:
    if not _COMPONENT.fullmatch(_text(value)):
        raise ValueError("something else than a directory's name")
    return _text(value)


def _variables(value: JsonValue) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        raise ValueError("env is no object")  # noqa: TRY004 - as above
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError("env has a name that is none")
        yield name, _text(text)


def _permissions(value: JsonValue) -> Iterator[Permission]:
    if not isinstance(value, list):
        raise ValueError("permissions is no list")  # noqa: TRY004 - as above
    for item in value:
        kind, text, risk = _texts(item)
        yield kind, text, risk


def _volume(text: str) -> str:
    if not text.strip("/") or os.path.normpath(f"/{text.lstrip('/')}") != text:
        raise ValueError("a volume that is no place")
    return text


def _extensions(value: JsonValue, below: str) -> Iterator[Extension]:
    if not isinstance(value, list):
        raise ValueError("extensions is no list")  # noqa: TRY004 - as above
    for item in value:
        if not isinstance(item, dict):
            raise ValueError("an extension that is no object")  # noqa: TRY004 - as above
        _check_known(item, _OF_EXTENSION)
        at, name = _text(item.get("at")), _text(item.get("id"))
        if not at.startswith(below) or os.path.normpath(at) != at or not is_id(name):
            raise ValueError(f"an extension that does not lie below {below}, or has no ID")
        yield Extension(
            name=_text(item.get("name")),
            id=name,
            ref=_text(item.get("ref")),
            at=at,
            subdirectories=item.get("subdirectories") is True,
            suffix=_relative(item.get("suffix", "")),
            libraries=_relative(item.get("ld-path", "")),
            merge_dirs=tuple(_relative(part) for part in _texts(item.get("merge-dirs", []))),
            condition=_text(item.get("enable-if", "")),
        )


def _relative(value: JsonValue) -> str:
    text = _text(value)
    if text.startswith("/") or ":" in text or ".." in text.split("/"):
        raise ValueError("a directory that does not lie in its extension")
    return text
