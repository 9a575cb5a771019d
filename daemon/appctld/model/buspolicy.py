# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""[Session Bus Policy] and [System Bus Policy] of a metadata keyfile: names an app may see, talk to, own.

Guarantees: no policy reaches a name by which an app could install software, start what it likes outside its
sandbox or rule the bus; a wildcard that covers one is refused as that name is.
"""

import re
from collections.abc import Mapping

from appctld.errors import BadManifest, UnsupportedMediaType
from appctld.model.context import LEAVES, LIMITED, Wish

GROUPS = {"Session Bus Policy": "session-bus", "System Bus Policy": "system-bus"}
NEVER = (
    "org.appctl",
    "org.freedesktop.DBus",  # the bus's own, of which the proxy lets through what is harmless
    "org.freedesktop.Flatpak",  # runs commands on the host
    "org.freedesktop.portal.Flatpak",  # runs them in flatpak's app of that ID, with its permissions
    "org.freedesktop.systemd1",
)
_NAME_LENGTH = 255  # D-Bus specification, "Bus names"
_ELEMENT = r"[A-Za-z_-][A-Za-z0-9_-]*"
_NAME = re.compile(rf"{_ELEMENT}(?:\.{_ELEMENT})+(?:\.\*)?")
_NONE, _SEE, _TALK, _OWN = "none", "see", "talk", "own"
_HARMLESS = {
    (_TALK, "org.freedesktop.Notifications"),
    (_TALK, "org.freedesktop.ScreenSaver"),
    (_TALK, "org.kde.StatusNotifierWatcher"),
    (_TALK, "com.canonical.AppMenu.Registrar"),
}
_PLAYER = "org.mpris.MediaPlayer2."  # what an app that plays something owns


def bus_wishes(groups: Mapping[str, Mapping[str, str]]) -> set[Wish]:
    """What the policies ask for, as NAME:POLICY. Raises BadManifest or UnsupportedMediaType."""
    return {
        _wish(kind, name, policy)
        for group, kind in GROUPS.items()
        for name, policy in groups.get(group, {}).items()
        if policy != _NONE  # which is what every name has
    }


def _wish(kind: str, name: str, policy: str) -> Wish:
    if policy not in {_SEE, _TALK, _OWN} or not _NAME.fullmatch(name) or len(name) > _NAME_LENGTH:
        raise BadManifest("the metadata has a bus policy that is none")
    if is_forbidden(name):
        raise UnsupportedMediaType(f"the image asks for {name!r:.80} on the {kind}, which no app is granted")
    return kind, f"{name}:{policy}", _risk(name, policy)


def is_forbidden(name: str) -> bool:
    """Whether a bus name, or what its wildcard covers, is one that no app gets."""
    if name.endswith(".*"):
        prefix = name.removesuffix("*")
        return any(f"{never}.".startswith(prefix) or prefix.startswith(f"{never}.") for never in NEVER)
    return any(name == never or name.startswith(f"{never}.") for never in NEVER)


def _risk(name: str, policy: str) -> str:
    player = policy == _OWN and name.startswith(_PLAYER)
    return LIMITED if policy == _SEE or player or (policy, name) in _HARMLESS else LEAVES
