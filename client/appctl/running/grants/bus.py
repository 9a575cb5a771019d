# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Bus policies as rules of xdg-dbus-proxy(1): what an app asked for, and what flatpak gives every app. Pure.

Guarantees: no rule reaches a name that leads out of the sandbox, whatever run.json or the app's own ID says.
"""

import re
from collections.abc import Collection

_NEVER = (
    "org.appctl",
    "org.freedesktop.DBus",
    "org.freedesktop.Flatpak",
    "org.freedesktop.portal.Flatpak",
    "org.freedesktop.systemd1",
)
_NAME = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]*(?:\.[A-Za-z_-][A-Za-z0-9_-]*)+(?:\.\*)?")
# Not every name below org.freedesktop.portal: flatpak's would run commands in flatpak's app of the same ID
_PORTAL = "org.freedesktop.portal"
_PORTALS = ("Desktop", "Documents", "Fcitx", "IBus")
_MUCH = ("see", "talk", "own")  # each has what stands before it


def rule(value: str) -> str:
    """Return the rule of one NAME:POLICY, empty when it may not be had."""
    name, _, policy = value.rpartition(":")
    if policy not in _MUCH or not _NAME.fullmatch(name) or _leads_out(name):
        return ""
    return f"--{policy}={name}"


def of_every_app(app: str, denied: Collection[str] = ()) -> list[str]:
    """Return the session rules that need no permission: the app's own names and the portals."""
    own = {f"{name}:own": rule(f"{name}:own") for name in (app, f"{app}.*", f"org.mpris.MediaPlayer2.{app}")}
    rules: list[tuple[str, tuple[str, ...]]] = [(value, (made,)) for value, made in own.items() if made]
    rules += [(f"{_PORTAL}.{name}:talk", _portal(f"{_PORTAL}.{name}")) for name in _PORTALS]
    return [made for value, each in rules if not any(takes(value, one) for one in denied) for made in each]


def takes(value: str, denied: str) -> bool:
    """Whether to deny one NAME:POLICY takes another along: as much or more, of names that it shares."""
    name, _, policy = value.rpartition(":")
    other, _, least = denied.rpartition(":")
    as_much = policy not in _MUCH or _MUCH.index(policy) >= _MUCH.index(least)
    return as_much and (_covers(other, name) or _covers(name, other))


def _portal(name: str) -> tuple[str, ...]:
    return f"--call={name}=*", f"--broadcast={name}=@/org/freedesktop/portal/*"


def _covers(wide: str, name: str) -> bool:
    """Whether a name, perhaps with a wildcard, is one that another covers."""
    if not wide.endswith(".*"):
        return wide == name
    return f"{name.removesuffix('.*')}.".startswith(wide.removesuffix("*"))


def _leads_out(name: str) -> bool:
    """Whether a name is, or its wildcard covers, one that no app gets."""
    prefix = name.removesuffix("*") if name.endswith(".*") else f"{name}."
    return any(
        prefix.startswith(f"{never}.") or (name.endswith("*") and f"{never}.".startswith(prefix))
        for never in _NEVER
    )
