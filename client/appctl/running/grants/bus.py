# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Bus policies as rules of xdg-dbus-proxy(1): what an app asked for, and what flatpak gives every app. Pure.

Guarantees: no rule reaches a name that leads out of the sandbox, whatever run.json or the app's own ID says.
"""

import re

_NEVER = (
    "org.appctl",
    "org.freedesktop.DBus",
    "org.freedesktop.Flatpak",
    "org.freedesktop.portal.Flatpak",
    "org.freedesktop.systemd1",
)
_NAME = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]*(?:\.[A-Za-z_-][A-Za-z0-9_-]*)+(?:\.\*)?")
# Not every name below org.freedesktop.portal: flatpak's would run commands in flatpak's app of the same ID
_PORTALS = tuple(
    rule
    for name in ("Desktop", "Documents", "Fcitx", "IBus")
    for rule in (
        f"--call=org.freedesktop.portal.{name}=*",
        f"--broadcast=org.freedesktop.portal.{name}=@/org/freedesktop/portal/*",
    )
)


def rule(value: str) -> str:
    """Return the rule of one NAME:POLICY, empty when it may not be had."""
    name, _, policy = value.rpartition(":")
    if policy not in {"see", "talk", "own"} or not _NAME.fullmatch(name) or _leads_out(name):
        return ""
    return f"--{policy}={name}"


def of_every_app(app: str) -> list[str]:
    """Return the session rules that need no permission: the app's own names and the portals."""
    own = [rule(f"{name}:own") for name in (app, f"{app}.*", f"org.mpris.MediaPlayer2.{app}")]
    return [*filter(None, own), *_PORTALS]


def _leads_out(name: str) -> bool:
    """Whether a name is, or its wildcard covers, one that no app gets."""
    prefix = name.removesuffix("*") if name.endswith(".*") else f"{name}."
    return any(
        prefix.startswith(f"{never}.") or (name.endswith("*") and f"{never}.".startswith(prefix))
        for never in _NEVER
    )
