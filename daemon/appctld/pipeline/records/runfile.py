# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""run.json: how the app is started, decided at deploy; the client only turns it into a sandbox.

Pure: verified config and metadata in, plain JSON out. Variables that belong to the caller's session or would
point the app elsewhere are dropped here.
"""

from typing import Protocol

from appctld.model.flatpak.extensions import ExtensionPoint
from appctld.model.flatpak.labels import Described, describe, needed_runtime, points_of_app, ref_of_app
from appctld.model.flatpak.ref import FlatpakRef
from appctld.model.flatpak.runtime import RuntimeMetadata, parse_runtime_metadata
from appctld.model.image import ImageConfig
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.permissions import Metadata, Permission, parse_metadata
from appctld.pipeline.native.stages import ImportedCommit
from appctld.pipeline.stages import Merged

FORMAT = 1
DEFAULT_PATH = (
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what Docker gives an image without one
)
_CALLERS = frozenset(
    {
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TMPDIR",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
        "PULSE_SERVER",
        "SSH_AUTH_SOCK",
        "PYTHONPYCACHEPREFIX",
    }
)
_OF_THE_IMAGE = ("XDG_DATA_DIRS", "XDG_CONFIG_DIRS")  # where its own files are
_CALLERS_PREFIXES = ("XDG_", "DBUS_", "APPCTL_", "FLATPAK_")


class App(Protocol):
    """What is said of every app, be it planned or recorded."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def permissions(self) -> tuple[Permission, ...]: ...  # noqa: D102


def run_file(merged: Merged) -> JsonObject:
    """The contents of an image's run.json."""
    return run_of(merged, merged.planned.config, merged.metadata)


def commit_run_file(imported: ImportedCommit) -> JsonObject:
    """The contents of a native commit's run.json: only its metadata says how it is run."""
    return run_of(imported, None, imported.metadata)


def run_of(app: App, config: ImageConfig | None, text: str | None) -> JsonObject:
    """The same of what it depends on: the app, the config of its image, its tree's own metadata file."""
    described = describe(config) if config else None
    if described and described.ref and described.is_runtime:
        return _runtime(app, described.ref, described, text)
    metadata = parse_metadata(text) if text is not None else None
    unset = metadata.unset if metadata else ()
    command = metadata.command if metadata else ""
    runtime = needed_runtime(text) if text is not None else None
    return {
        **_common(app),
        "entrypoint": [command] if command else list(config.entrypoint if config else ()),
        "cmd": [] if command or config is None else list(config.cmd),
        "env": {**_environment(config.env if config else (), metadata)},
        **({"unset": list(unset)} if unset else {}),
        "cwd": config.working_dir if config else "/",
        **({"volumes": list(config.volumes)} if config and config.volumes else {}),
        "permissions": [permission.to_json() for permission in app.permissions],
        **(_on_runtime(app, runtime, described, text) if runtime and text is not None else {}),
    }


def runtime_of(merged: Merged) -> FlatpakRef | None:
    """What an image's app needs below it, by its tree's own metadata file."""
    if merged.metadata is None or merged.planned.described.is_runtime:
        return None
    return needed_runtime(merged.metadata)


def _common(app: App) -> JsonObject:
    """The members that every run.json has."""
    return {
        "format": FORMAT,
        "id": app.id,
        "version": app.version,
        "entrypoint": [],
        "cmd": [],
        "env": {},
        "cwd": "/",
        "runtime": "",
        "permissions": [],
    }


def _on_runtime(app: App, runtime: FlatpakRef, described: Described | None, text: str) -> JsonObject:
    """Which directory becomes /app, and what lies below it: the runtime's becomes /usr."""
    own = (described and described.ref) or ref_of_app(app.id, runtime.architecture)
    points = points_of_app(text, own, app.id, runtime.architecture)
    return {
        "runtime": runtime.id,
        "runtime-ref": str(runtime),
        "app": "files" if described and described.is_flatpaks else "app",
        "app-ref": str(own),
        "extensions": _points(points, "/app"),
    }


def _runtime(app: App, ref: FlatpakRef, described: Described, text: str | None) -> JsonObject:
    """Of what nobody starts: which directory becomes /usr, or stands at an extension point."""
    metadata = RuntimeMetadata((), (), ()) if text is None else parse_runtime_metadata(text, ref)
    return {
        **_common(app),
        "kind": "runtime",
        "runtime-ref": str(ref),
        "usr": "files" if described.is_flatpaks else "usr",
        "env": {name: value for name, value in metadata.environment if not _is_the_callers(name)},
        "extensions": _points(metadata.points, "/usr"),
    }


def _points(points: tuple[ExtensionPoint, ...], below: str) -> list[Json]:
    return [point.to_json(below) for point in points]


def _environment(image: tuple[tuple[str, str], ...], metadata: Metadata | None) -> dict[str, str]:
    """The image's variables and over them those of [Environment], without what it unsets.

    An app on a runtime has the runtime's PATH unless its metadata says otherwise: no tool that wrote the
    image's config knew of /app.
    """
    on_runtime = metadata is not None and bool(metadata.runtime)
    found = {name: value for name, value in image if not (on_runtime and name == "PATH")}
    found |= dict(metadata.environment) if metadata else {}
    kept = {name: value for name, value in found.items() if not _is_the_callers(name)}
    for name in metadata.unset if metadata else ():
        kept.pop(name, None)
    return kept if on_runtime or "PATH" in kept else {"PATH": DEFAULT_PATH} | kept


def _is_the_callers(name: str) -> bool:
    return name not in _OF_THE_IMAGE and (name in _CALLERS or name.startswith(_CALLERS_PREFIXES))
