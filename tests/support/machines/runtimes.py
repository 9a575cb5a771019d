# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Runtimes, extensions and apps on them, as a daemon leaves them: made by hand, of host programs."""

import json
from pathlib import Path
from typing import Any

from support.machines.deployments import Made

PLATFORM = "org.acme.Platform._1"
PLATFORM_REF = "runtime/org.acme.Platform/x86_64/1"
APP = "org.acme.Tool"
APP_REF = f"app/{APP}/x86_64/stable"


def recorded(made: Made, remote: str = "acme") -> Made:
    """Say which remote a deployment comes from."""
    made.path.mkdir(parents=True, exist_ok=True)
    (made.path / "record.json").write_text(json.dumps({"remote": remote, "commit": "c" * 64}))
    return made


def platform(state: Path, *programs: str, flatpaks: bool = True, app_id: str = PLATFORM) -> Made:
    """A runtime with these programs; flatpak's own images have in `files` what becomes /usr."""
    made = recorded(Made(state, app_id)).programs(*programs)
    made.text("/usr/etc/os-name", "platform\n").text("/usr/share/runtime/about", "of the runtime\n")
    if flatpaks:
        for name in ("bin", "sbin", "lib", "lib64"):
            (made.files / name).unlink()
        (made.files / "usr").rename(made.files / "files")
    return change_platform(made)


def change_platform(made: Made, **run: Any) -> Made:  # noqa: ANN401 - as run.json has it
    """Write a runtime's run.json."""
    usr = "files" if (made.files / "files").is_dir() else "usr"
    return made.write(**{"kind": "runtime", "usr": usr, "runtime-ref": PLATFORM_REF} | run)


def tool(state: Path, script: str = 'exec sh -c "$@"', *, directory: str = "files") -> Made:
    """An app on that runtime, whose command is a shell script."""
    made = recorded(Made(state, APP)).text(f"/{directory}/bin/tool", f"#!/bin/sh\n{script}\n", 0o555)
    return change_tool(made, app=directory)


def change_tool(made: Made, **run: Any) -> Made:  # noqa: ANN401 - as run.json has it
    """Write the app's run.json."""
    base = {"entrypoint": ["tool"], "runtime": PLATFORM, "runtime-ref": PLATFORM_REF, "app-ref": APP_REF}
    return made.write(**base | {"app": "files"} | run)


def extension(state: Path, name: str, version: str = "1", remote: str = "acme", app_id: str = "") -> Made:
    """An extension by that name with one file, `name`."""
    made = recorded(Made(state, app_id or f"{name}._{version}"), remote).text("/files/name", f"{name}\n")
    return made.write(
        **{"kind": "runtime", "usr": "files", "runtime-ref": f"runtime/{name}/x86_64/{version}"}
    )


def point(name: str, at: str, version: str = "1", **more: object) -> dict[str, object]:
    """An extension point as run.json has it."""
    return {
        "name": name,
        "id": f"{name}._{version}",
        "ref": f"runtime/{name}/x86_64/{version}",
        "at": at,
        "subdirectories": False,
        "suffix": "",
        "merge-dirs": [],
        "ld-path": "",
        "enable-if": "",
    } | more
