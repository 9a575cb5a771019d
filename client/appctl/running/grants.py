# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app was granted beyond its own sandbox, as mounts and variables.

Guarantees: only what run.json or the caller's own command line grants; a wish that this version does not know
is left out and named, as is one for a place of the system's; the state and configuration of appctl are
covered again wherever a grant would show them, last of all, so that no app changes what is installed or whom
we trust.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appctl.running.deployment import Permission
from appctl.scope import SYSTEM_CONFIG, SYSTEM_STATE, Places, Scope

_SYSTEM_PLACES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/etc", "/proc", "/dev",
                  "/sys", "/run", "/boot", "/.flatpak-info")  # fmt: skip
_NOT_WHOLE = ("/", "/tmp", "/var")  # noqa: S108 - the app has its own
_USER_DIRS = {
    "xdg-desktop": "DESKTOP", "xdg-documents": "DOCUMENTS", "xdg-download": "DOWNLOAD", "xdg-music": "MUSIC",
    "xdg-pictures": "PICTURES", "xdg-public-share": "PUBLICSHARE", "xdg-templates": "TEMPLATES",
    "xdg-videos": "VIDEOS",
}  # fmt: skip
_USER_DIRS_LINE = re.compile(r'XDG_([A-Z]+)_DIR="(\$HOME/[^"$\\]*|/[^"$\\]*)"')


@dataclass(frozen=True)
class Mount:
    """One mount point: `place` inside, and the bubblewrap arguments that make it."""

    place: str
    arguments: tuple[str, ...]


@dataclass
class Grants:
    """What is granted: mounts in any order, then `masks` after all of them."""

    network: bool = False
    mounts: list[Mount] = field(default_factory=list)
    masks: list[Mount] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def collect(permissions: Sequence[Permission], places: Places, runtime: str) -> Grants:
    """Turn permissions into mounts and variables; `runtime` is the app's XDG_RUNTIME_DIR inside."""
    grants = Grants()
    words = {(kind, value) for kind, value, _ in permissions}
    sources: list[tuple[Path, str]] = []
    for kind, value in sorted(words):
        match kind, value:
            case "shared", "network":
                grants.network = True
            case "devices", "dri":
                grants.mounts.append(Mount("/dev/dri", ("--dev-bind-try", "/dev/dri", "/dev/dri")))
            case "sockets", "wayland" | "x11" | "fallback-x11" | "pulseaudio":
                _socket(value, grants, places, runtime)
            case "filesystems", _:
                _filesystem(value, grants, places, sources)
            case _:
                grants.refused.append(f"{kind}={value}")
    _mask(grants, sources, places)
    return grants


def _socket(value: str, grants: Grants, places: Places, runtime: str) -> None:
    """Show one socket of the session, where there is one."""
    theirs = places.runtime
    if value == "wayland" and theirs:
        socket = theirs / os.environ.get("WAYLAND_DISPLAY", "wayland-0")
        if socket.is_socket():
            grants.mounts.append(_bind(str(socket), f"{runtime}/wayland-0"))
            grants.env["WAYLAND_DISPLAY"] = "wayland-0"
    elif value == "pulseaudio" and theirs:
        if (theirs / "pulse/native").is_socket():
            grants.mounts.append(_bind(str(theirs / "pulse/native"), f"{runtime}/pulse/native"))
            grants.env["PULSE_SERVER"] = f"unix:{runtime}/pulse/native"
    elif value == "x11" or (value == "fallback-x11" and "WAYLAND_DISPLAY" not in os.environ):
        _x11(grants, runtime)


def _x11(grants: Grants, runtime: str) -> None:
    display = re.fullmatch(r":([0-9]{1,5})(?:\.[0-9]+)?", os.environ.get("DISPLAY", ""))
    if not display:
        return
    socket = f"/tmp/.X11-unix/X{display[1]}"  # noqa: S108 - the X server's place
    grants.mounts.append(Mount(socket, ("--ro-bind-try", socket, socket)))
    grants.env["DISPLAY"] = f":{display[1]}"
    if cookie := os.environ.get("XAUTHORITY"):
        grants.mounts.append(
            Mount(f"{runtime}/Xauthority", ("--ro-bind-try", cookie, f"{runtime}/Xauthority"))
        )
        grants.env["XAUTHORITY"] = f"{runtime}/Xauthority"


def _filesystem(value: str, grants: Grants, places: Places, sources: list[tuple[Path, str]]) -> None:
    """Show one path of the host at its own place."""
    name, read_only = value.removesuffix(":ro"), value.endswith(":ro")
    place = _host_path(name, places)
    if place is None or _is_the_systems(place) or not Path(place).exists():
        grants.refused.append(f"filesystems={value}")
        return
    source = Path(os.path.realpath(place))
    if any(source.is_relative_to(hidden) for hidden in _hidden(places)):
        grants.refused.append(f"filesystems={value}")
        return
    sources.append((source, place))
    grants.mounts.append(Mount(place, ("--ro-bind" if read_only else "--bind", str(source), place)))


def _host_path(name: str, places: Places) -> str | None:
    """Return the absolute path that a file system's name means; None when there is none."""
    first, _, rest = name.partition("/")
    if ".." in name.split("/") or "\0" in name:
        return None
    if name.startswith("/"):
        return os.path.normpath(name).replace("//", "/")
    base = {"home": places.home, "~": places.home, "xdg-data": places.data, "xdg-config": places.config,
            "xdg-cache": places.home / ".cache"}.get(first)  # fmt: skip
    if first in _USER_DIRS:
        base = _user_directory(_USER_DIRS[first], places)
    return None if base is None else os.path.normpath(base / rest)


def _user_directory(name: str, places: Places) -> Path | None:
    """Look one of the user's well-known directories up (user-dirs.dirs(5))."""
    try:
        text = (places.config / "user-dirs.dirs").read_text(errors="replace")
    except OSError:
        return None
    found = dict(_USER_DIRS_LINE.findall(text)).get(name)
    directory = Path(found.replace("$HOME", str(places.home), 1)) if found else None
    return None if directory in {None, places.home} else directory


def _is_the_systems(place: str) -> bool:
    return place in _NOT_WHOLE or any(
        place == item or place.startswith(f"{item}/") for item in _SYSTEM_PLACES
    )


def _hidden(places: Places) -> list[Path]:
    """Return the real directories that no grant may show: state and configuration of both scopes."""
    own = [places.state(Scope.USER), places.config / "appctl"]
    return [Path(os.path.realpath(path)) for path in (*own, SYSTEM_STATE, SYSTEM_CONFIG)]


def _mask(grants: Grants, sources: list[tuple[Path, str]], places: Places) -> None:
    """Cover what must stay hidden wherever a grant shows it; made first, or an app could make it."""
    for hidden in _hidden(places):
        for source, place in sources:
            if hidden.is_relative_to(source):
                if hidden.is_relative_to(os.path.realpath(places.home)):
                    hidden.mkdir(mode=0o700, parents=True, exist_ok=True)
                if hidden.is_dir():
                    grants.masks.append(_empty(str(Path(place, hidden.relative_to(source)))))
    others = str(places.home / ".var/app")
    if any(Path(others).is_relative_to(place) for _, place in sources):
        grants.mounts.append(Mount(others, ("--tmpfs", others)))  # the other apps' data


def _empty(place: str) -> Mount:
    return Mount(place, ("--tmpfs", place, "--remount-ro", place))


def _bind(source: str, place: str) -> Mount:
    return Mount(place, ("--ro-bind", source, place))


def from_options(filesystems: Sequence[str], share: Sequence[str]) -> Iterator[Permission]:
    """What the caller grants on the command line, once."""
    for value in filesystems:
        yield "filesystems", value, ""
    for value in share:
        yield "shared", value, ""
