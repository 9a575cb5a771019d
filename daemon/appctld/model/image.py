# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The image config: what the publisher says about the whole image (image-spec config.md).

Guarantees: diffIDs are digests, what will be shown holds no control characters, arguments and environment
hold nothing that the kernel would not take, sizes are bounded. It says nothing about who signed it.
"""

import re
from collections.abc import Sized
from dataclasses import dataclass
from datetime import datetime

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_object,
    get_str,
    get_string_map,
    get_strings,
    parse_object,
)
from appctld.model.manifest import Platform, read_platform
from appctld.model.volumes import read_volumes

CONFIG_BYTES = 1 << 20  # real ones are a few KiB; a label may carry a metadata file and icons
TEXT_LENGTH = (
    4096  # anything longer is no title, version or argument that a person or a kernel would take well
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"
APP_ID = "org.appctl.id"
METADATA = "org.appctl.metadata"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """One image's config. `created` is in seconds since 1970, None when absent, unreadable or before.

    `volumes` are the places that the app may write, each user for himself.
    """

    platform: Platform
    created: int | None
    diff_ids: tuple[Digest, ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    working_dir: str
    volumes: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]

    def label(self, name: str) -> str | None:
        """The label's text, if there is one."""
        return next((value for label, value in self.labels if label == name), None)


def parse_config(data: bytes) -> ImageConfig:
    """Read an image config. Raises BadManifest."""
    try:
        obj = parse_object(data, CONFIG_BYTES)
        return _config(obj, get_object(obj, "config", {}))
    except JsonError as error:
        raise BadManifest(f"a bad image config: {error}") from error


def config_of(data: bytes, layers: Sized) -> ImageConfig:
    """Read the config of a manifest with so many layers, each with a diffID. Raises BadManifest."""
    config = parse_config(data)
    if len(config.diff_ids) != len(layers):
        raise BadManifest(f"{len(layers)} layers, but {len(config.diff_ids)} diffIDs in the config")
    return config


def _config(obj: JsonObject, run: JsonObject) -> ImageConfig:
    rootfs = get_object(obj, "rootfs")
    if get_str(rootfs, "type") != "layers":
        raise JsonError("'rootfs' is not of type layers")
    labels = get_string_map(run, "Labels", {})
    volumes = read_volumes(get_object(run, "Volumes", {}))
    for name in (TITLE, VERSION, APP_ID):
        _plain(labels.get(name, ""), name)
    return ImageConfig(
        platform=read_platform(obj),
        created=_seconds(get_str(obj, "created", "")),
        diff_ids=tuple(Digest.parse(text) for text in get_strings(rootfs, "diff_ids")),
        entrypoint=_arguments(run, "Entrypoint"),
        cmd=_arguments(run, "Cmd"),
        env=tuple(_variable(text) for text in get_strings(run, "Env", [])),
        working_dir=_working_dir(get_str(run, "WorkingDir", "")),
        volumes=volumes.places,
        labels=tuple(sorted(labels.items())),
        ignored=_ignored(run) + volumes.ignored,
    )


def _ignored(run: JsonObject) -> tuple[str, ...]:
    """The instructions that mean nothing here; the preview names them (docs/rules.md, "Running")."""
    names = {
        "User": "USER (the app runs as you)",
        "ExposedPorts": "EXPOSE",
        "Healthcheck": "HEALTHCHECK",
        "StopSignal": "STOPSIGNAL",
    }
    return tuple(text for key, text in names.items() if run.get(key))


def _arguments(run: JsonObject, key: str) -> tuple[str, ...]:
    arguments = get_strings(run, key, [])
    if any("\0" in text or len(text) > TEXT_LENGTH for text in arguments):
        raise JsonError(f"'{key}' has an argument that no program can be given")
    return tuple(arguments)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not _ENV_NAME.fullmatch(name) or "\0" in value or len(value) > 4 * TEXT_LENGTH:
        raise JsonError("'Env' has an entry that is no NAME=VALUE")
    return name, value


def _working_dir(text: str) -> str:
    if text and (not text.startswith("/") or _CONTROL.search(text) or len(text) > TEXT_LENGTH):
        raise JsonError("'WorkingDir' is no absolute path")
    return text or "/"


def _plain(text: str, name: str) -> None:
    if _CONTROL.search(text) or len(text) > TEXT_LENGTH:
        raise JsonError(f"label {name} has control characters, or is too long")


def _seconds(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    except ValueError:
        return None
    if not moment.tzinfo or moment.timestamp() < 0:  # Go's zero time is the year 1, and means "not set"
        return None
    return int(moment.timestamp())
