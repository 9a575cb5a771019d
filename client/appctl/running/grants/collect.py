# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Permissions, word by word, into what is granted.

Guarantees: only what run.json, an override or the caller's own command line grants, and nothing of what is
denied (denials.py); a wish that this version does not know is left out and named. The state and configuration
of appctl, the caller's runtime directory and the other apps' data are covered again wherever a grant would
show them, last of all (masks.py). What an old bubblewrap leaves open is told in sources.py.
"""

from collections.abc import Sequence

from appctl.places import Places
from appctl.running.deployments.runfile import Permission
from appctl.running.failed import failed
from appctl.running.grants import bus, devices, filesystems, masks, sockets
from appctl.running.grants.denials import FEATURES, NOTHING, Denials
from appctl.running.grants.granted import Grants


def collect(
    permissions: Sequence[Permission],
    places: Places,
    runtime: str,
    app: str = "",
    denials: Denials = NOTHING,
) -> Grants:
    """Turn permissions into mounts and variables; `runtime` is the app's XDG_RUNTIME_DIR inside.

    Raises Failure when something that must stay hidden cannot be.
    """
    grants = Grants()
    asked = {(kind, value) for kind, value, _ in permissions}
    words = {word for word in asked if not denials.forbid(*word, places)}
    grants.denied |= asked - words
    for kind, value in sorted(words):
        match kind, value:
            case "shared", "network":
                grants.network = True
            case "shared", "ipc":
                grants.ipc = True
            case "features", _ if value in FEATURES:
                grants.features.add(value)
            case "devices", _ if value in devices.NODES:
                devices.show(value, grants)
            case "sockets", _ if value in sockets.SHOW:
                sockets.SHOW[value](grants, places, runtime)
            case "filesystems", _:
                filesystems.show(value, grants, places, runtime)
            case (("session-bus" | "system-bus"), _) if rule := bus.rule(value):
                grants.buses.setdefault(kind.removesuffix("-bus"), []).append(rule)
            case _:
                grants.refused.append(f"{kind}={value}")
    devices.shared_memory(words, grants, places, app)
    try:
        masks.cover(grants, places, denials.take_places(grants, places))
    except OSError as error:
        raise failed(
            f"{error.filename} cannot be kept from the app: {error.strerror}", "may you look at it?"
        ) from error
    return grants
