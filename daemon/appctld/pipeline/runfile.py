# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""run.json: how the app is started, decided at deploy; the client only turns it into a sandbox.

Pure: verified config and metadata in, plain JSON out. Variables that belong to the caller's session or would
point the app elsewhere are dropped here.
"""

from appctld.model.jsonvalue import JsonObject
from appctld.model.permissions import Metadata, parse_metadata
from appctld.pipeline.native.stages import ImportedCommit
from appctld.pipeline.plans import Plan
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


def run_file(merged: Merged) -> JsonObject:
    """The contents of an image's run.json."""
    planned = merged.planned
    metadata = parse_metadata(merged.metadata) if merged.metadata is not None else None
    command = metadata.command if metadata else ""
    return {
        **_common(planned, metadata),
        "entrypoint": [command] if command else list(planned.config.entrypoint),
        "cmd": [] if command else list(planned.config.cmd),
        "env": dict(_environment(planned.config.env)),
        "cwd": planned.config.working_dir,
    }


def commit_run_file(imported: ImportedCommit) -> JsonObject:
    """The contents of a native commit's run.json: only its metadata says how it is run."""
    metadata = parse_metadata(imported.metadata) if imported.metadata is not None else None
    return {
        **_common(imported.planned, metadata),
        "entrypoint": [metadata.command] if metadata and metadata.command else [],
        "cmd": [],
        "env": dict(_environment(())),
        "cwd": "/",
    }


def _common(planned: Plan, metadata: Metadata | None) -> JsonObject:
    return {
        "format": FORMAT,
        "id": planned.id,
        "version": planned.version,
        "runtime": metadata.runtime if metadata else "",
        "permissions": [permission.to_json() for permission in planned.permissions],
    }


def _environment(image: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    kept = [
        (name, value)
        for name, value in image
        if name not in _CALLERS and not name.startswith(_CALLERS_PREFIXES)
    ]
    return kept if any(name == "PATH" for name, _ in kept) else [("PATH", DEFAULT_PATH), *kept]
