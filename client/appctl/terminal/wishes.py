# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app asks for, in a person's words: "network; ~/Documents (read, write); display".

Guarantees: no two permissions have the same words; what has no words here, from a newer daemon, is shown as
it is; all of it is escaped. What leaves the sandbox is the daemon's to say.
"""

from collections.abc import Iterable

from appctl.terminal.show import escape

_ORDER = ("shared", "filesystems", "sockets", "devices", "session-bus", "system-bus")  # as people mind it
_WORDS = {
    ("shared", "network"): "network",
    ("shared", "ipc"): "memory shared with your programs",
    ("sockets", "wayland"): "display",
    ("sockets", "x11"): "screen and keyboard (X11)",
    ("sockets", "fallback-x11"): "screen and keyboard (X11) where there is no Wayland",
    ("sockets", "pulseaudio"): "sound and microphone",
    ("sockets", "ssh-auth"): "your SSH agent",
    ("sockets", "gpg-agent"): "your GnuPG agent",
    ("sockets", "pcsc"): "smart cards",
    ("sockets", "cups"): "printers",
    ("devices", "dri"): "graphics card",
    ("devices", "kvm"): "virtual machines (kvm)",
    ("devices", "input"): "input devices",
    ("devices", "shm"): "shared memory of this machine",
    ("devices", "all"): "all devices",
    ("features", "devel"): "debugging (devel)",
    ("features", "multiarch"): "32-bit programs",
    ("features", "bluetooth"): "Bluetooth",
    ("features", "canbus"): "CAN bus",
    ("features", "per-app-dev-shm"): "memory shared by its own windows",
}
_PLACES = {
    "home": "all your files (home)",
    "host": "all files of this machine (host)",
    "host-os": "the programs of this machine (host-os)",
    "host-etc": "the settings of this machine (host-etc)",
}
_MODES = {"": "(read, write)", "ro": "(read)", "create": "(read, write, made if missing)"}
_BUSES = {"session-bus": "", "system-bus": " of the system"}
_POLICIES = {"see": "see {}", "talk": "talk to {}", "own": "be {}"}


def wishes(permissions: Iterable[tuple[str, str]]) -> list[str]:
    """Say permissions, (kind, value) each, in one order whatever theirs is; no words twice. Escaped."""
    ordered = sorted(permissions, key=lambda one: _ORDER.index(one[0]) if one[0] in _ORDER else len(_ORDER))
    return list(dict.fromkeys(wish(kind, value) for kind, value in ordered))


def wish(kind: str, value: str) -> str:
    """Say one permission; escaped."""
    if (kind, value) in _WORDS:
        return _WORDS[kind, value]
    if kind == "filesystems":
        return _place(value)
    name, _, policy = value.rpartition(":")
    if kind in _BUSES and name and policy in _POLICIES:
        return _POLICIES[policy].format(escape(name)) + _BUSES[kind]
    return f"{escape(kind)}={escape(value)}"


def _place(value: str) -> str:
    name, _, mode = value.partition(":")
    if mode not in _MODES:
        return f"filesystems={escape(value)}"
    words, can = _PLACES.get(name, escape(name)), _MODES[mode]
    if name in _PLACES:  # that it may be written to, the first words say
        return words if not mode else f"{words} {can}"
    return f"{words} {can}"
