# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""/.flatpak-info, by which portals know an app and what it was granted (flatpak-metadata(5), "Instance").

It is shown to the app and to the bus proxy, whose connection portals ask about.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from appctl.running.deployments.deployment import recorded
from appctl.running.deployments.runfile import Permission
from appctl.running.deployments.stack import Stack

_CONTEXT = ("shared", "sockets", "devices", "features", "filesystems")
_POLICIES = {"session-bus": "Session Bus Policy", "system-bus": "System Bus Policy"}


def flatpak_info(stack: Stack, data: Path, instance: str, permissions: Sequence[Permission]) -> bytes:
    """Return the file; `permissions` are those that are granted, `data` is ~/.var/app/ID."""
    granted = [(kind, value) for kind, value, _ in permissions if value.isprintable() and ";" not in value]
    groups = {
        "Application": dict(_application(stack)),
        "Instance": {"instance-id": instance, "instance-path": str(data), **dict(_instance(stack))},
        "Context": {kind: words for kind in _CONTEXT if (words := _words(granted, kind))},
        **{group: dict(_policies(granted, kind)) for kind, group in _POLICIES.items()},
    }
    lines = [
        line
        for group, keys in groups.items()
        if keys
        for line in (f"[{group}]", *(f"{key}={value}" for key, value in keys.items()), "")
    ]
    return "\n".join(lines).encode(errors="surrogateescape")


def _application(stack: Stack) -> Iterator[tuple[str, str]]:
    yield "name", stack.app.run.id
    if stack.runtime is not None:
        yield "runtime", stack.app.run.runtime_ref or f"runtime/{stack.runtime.run.id}"


def _instance(stack: Stack) -> Iterator[tuple[str, str]]:
    app, runtime = stack.app, stack.runtime
    yield "app-path", str(app.files / app.run.app if runtime else app.files)
    yield "app-commit", recorded(app.path, "commit")
    if runtime is not None:
        yield "runtime-path", str(runtime.files / runtime.run.usr)
        yield "runtime-commit", recorded(runtime.path, "commit")
    match app.run.app_ref.split("/"):
        case [_, _, arch, branch]:
            yield from (("arch", arch), ("branch", branch))
    yield from (("session-bus-proxy", "true"), ("system-bus-proxy", "true"))


def _words(granted: list[tuple[str, str]], kind: str) -> str:
    return "".join(f"{value};" for name, value in granted if name == kind)


def _policies(granted: list[tuple[str, str]], kind: str) -> Iterator[tuple[str, str]]:
    for name, value in granted:
        if name == kind:
            bus_name, _, policy = value.rpartition(":")
            yield bus_name, policy
