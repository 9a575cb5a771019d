# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Sockets of the caller's session and of the system, where there are any (flatpak-metadata(5), `sockets`).

Guarantees: what is shown is a socket; where others can write the way to it, no link is followed. Buses are
never shown here: they are spoken to through a proxy (bus.py).
"""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from appctl.places import Places
from appctl.running.grants.granted import Grants, Mount

_X11 = "/tmp/.X11-unix"  # noqa: S108 - the X server's place
OF_THE_SYSTEM = {"pcsc": "/run/pcscd/pcscd.comm", "cups": "/run/cups/cups.sock"}  # where only root writes
_PCSC, _CUPS = OF_THE_SYSTEM["pcsc"], OF_THE_SYSTEM["cups"]  # and where they are inside
_SSH = "/run/flatpak/ssh-auth"


def _wayland(grants: Grants, places: Places, runtime: str) -> None:
    name = os.environ.get("WAYLAND_DISPLAY", "wayland-0")
    if _of_the_session(grants, places, name, f"{runtime}/wayland-0"):
        grants.env["WAYLAND_DISPLAY"] = "wayland-0"
        grants.displays = True


def _pulseaudio(grants: Grants, places: Places, runtime: str) -> None:
    place = f"{runtime}/pulse/native"
    if _of_the_session(grants, places, "pulse/native", place):
        grants.env["PULSE_SERVER"] = f"unix:{place}"


def _gpg_agent(grants: Grants, places: Places, runtime: str) -> None:
    _of_the_session(grants, places, "gnupg/S.gpg-agent", f"{runtime}/gnupg/S.gpg-agent")


def _fallback_x11(grants: Grants, places: Places, runtime: str) -> None:
    if "WAYLAND_DISPLAY" not in os.environ:
        _x11(grants, places, runtime)


def _x11(grants: Grants, places: Places, runtime: str) -> None:
    """The X server's socket and its cookie."""
    display = re.fullmatch(r":([0-9]{1,5})(?:\.[0-9]+)?", os.environ.get("DISPLAY", ""))
    if not display:
        return
    place, cookie = f"{_X11}/X{display[1]}", os.path.normpath(os.environ.get("XAUTHORITY", ""))
    if not _without_links(grants, places, place, place, stat.S_ISSOCK):
        return
    grants.env["DISPLAY"] = f":{display[1]}"
    grants.displays = True
    if _without_links(grants, places, cookie, f"{runtime}/Xauthority", stat.S_ISREG):
        grants.env["XAUTHORITY"] = f"{runtime}/Xauthority"


def _ssh_auth(grants: Grants, places: Places, _runtime: str) -> None:
    agent = os.path.normpath(os.environ.get("SSH_AUTH_SOCK", ""))
    if _without_links(grants, places, agent, _SSH, stat.S_ISSOCK):
        grants.env["SSH_AUTH_SOCK"] = _SSH


def _pcsc(grants: Grants, _places: Places, _runtime: str) -> None:
    if _of_the_system(grants, "pcsc", _PCSC):
        grants.env["PCSCLITE_CSOCK_NAME"] = _PCSC


def _cups(grants: Grants, _places: Places, _runtime: str) -> None:
    if _of_the_system(grants, "cups", _CUPS):
        grants.env["CUPS_SERVER"] = _CUPS


SHOW: dict[str, Callable[[Grants, Places, str], None]] = {
    "wayland": _wayland,
    "x11": _x11,
    "fallback-x11": _fallback_x11,
    "pulseaudio": _pulseaudio,
    "gpg-agent": _gpg_agent,
    "ssh-auth": _ssh_auth,
    "pcsc": _pcsc,
    "cups": _cups,
}


def _of_the_session(grants: Grants, places: Places, name: str, place: str) -> bool:
    """Show a socket of the caller's runtime directory, which only the caller writes."""
    if places.runtime is None or not (places.runtime / name).is_socket():
        return False
    grants.bind(str(places.runtime / name), place)
    return True


def _of_the_system(grants: Grants, name: str, place: str) -> bool:
    if not Path(OF_THE_SYSTEM[name]).is_socket():
        return False
    grants.bind(OF_THE_SYSTEM[name], place)
    return True


def _without_links(
    grants: Grants, places: Places, path: str, place: str, is_right: Callable[[int], bool]
) -> bool:
    """Show what lies at an absolute path, if it is of the right type and behind no link."""
    if not path.startswith("/"):
        return False
    source, _ = grants.sources.look(places.home, path)
    if source is None or not is_right(source.mode):
        return False
    grants.mounts.append(Mount(place, grants.sources.bind(source, place, read_only=True)))
    return True
