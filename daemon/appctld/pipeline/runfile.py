# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""run.json: how the app is started, decided at deploy; the client only turns it into a sandbox.

Pure: verified config and metadata in, plain JSON out. Variables that belong to the caller's session or would
point the app elsewhere are dropped here.
"""

from typing import Protocol

from appctld.model.image import ImageConfig
from appctld.model.jsonvalue import JsonObject
from appctld.model.permissions import Permission, parse_metadata
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
    return run_of(merged.planned, merged.planned.config, merged.metadata)


def commit_run_file(imported: ImportedCommit) -> JsonObject:
    """The contents of a native commit's run.json: only its metadata says how it is run."""
    return run_of(imported.planned, None, imported.metadata)


def run_of(app: App, config: ImageConfig | None, text: str | None) -> JsonObject:
    """The same of what it depends on: the app, the config of its image, its tree's own metadata file."""
    metadata = parse_metadata(text) if text is not None else None
    command = metadata.command if metadata else ""
    return {
        "format": FORMAT,
        "id": app.id,
        "version": app.version,
        "entrypoint": [command] if command else list(config.entrypoint if config else ()),
        "cmd": [] if command or config is None else list(config.cmd),
        "env": dict(_environment(config.env if config else ())),
        "cwd": config.working_dir if config else "/",
        "runtime": metadata.runtime if metadata else "",
        "permissions": [permission.to_json() for permission in app.permissions],
    }


def _environment(image: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    kept = [
        (name, value)
        for name, value in image
        if name not in _CALLERS and not name.startswith(_CALLERS_PREFIXES)
    ]
    return kept if any(name == "PATH" for name, _ in kept) else [("PATH", DEFAULT_PATH), *kept]
