# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app was granted beyond its own sandbox, as mounts and variables.

Guarantees: only what run.json or the caller's own command line grants; a wish that this version does not know
is left out and named, as is one for a place of the system's or for the data of an app. What is judged is what
would be shown, whatever its name, and no link below the home directory (elsewhere: none at all) is followed:
whoever can write a directory can put one there. The state and configuration of appctl, the caller's runtime
directory and the other apps' data are covered again wherever a grant would show them, last of all; every
directory on the way there is a mount point, which an app cannot rename. So no app changes what is installed
or whom we trust. What an old bubblewrap leaves open is told in sources.py.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appctl.running.deployment import Permission
from appctl.running.failed import failed
from appctl.running.sources import Source, Sources
from appctl.scope import SYSTEM_CONFIG, SYSTEM_STATE, Places, Scope

_SYSTEM_PLACES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/etc", "/proc", "/dev",
                  "/sys", "/run", "/boot", "/.flatpak-info")  # fmt: skip
_NOT_WHOLE = ("/", "/tmp", "/var")  # noqa: S108 - the app has its own
_X11 = "/tmp/.X11-unix"  # noqa: S108 - the X server's place
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
    sources: Sources = field(default_factory=Sources)


@dataclass(frozen=True)
class _Shown:
    """One path of the host, and where it is shown."""

    path: Path
    place: str
    read_only: bool


def collect(permissions: Sequence[Permission], places: Places, runtime: str) -> Grants:
    """Turn permissions into mounts and variables; `runtime` is the app's XDG_RUNTIME_DIR inside.

    Raises Failure when something that must stay hidden cannot be.
    """
    grants = Grants()
    words = {(kind, value) for kind, value, _ in permissions}
    shown: list[_Shown] = []
    for kind, value in sorted(words):
        match kind, value:
            case "shared", "network":
                grants.network = True
            case "devices", "dri":
                grants.mounts.append(Mount("/dev/dri", ("--dev-bind-try", "/dev/dri", "/dev/dri")))
            case "sockets", "wayland" | "x11" | "fallback-x11" | "pulseaudio":
                _socket(value, grants, places, runtime)
            case "filesystems", _:
                _filesystem(value, grants, places, shown)
            case _:
                grants.refused.append(f"{kind}={value}")
    try:
        _mask(grants, shown, places)
    except OSError as error:
        raise failed(f"{error.filename} cannot be kept from the app: {error.strerror}") from error
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
        _x11(grants, places, runtime)


def _x11(grants: Grants, places: Places, runtime: str) -> None:
    """Show the X server's socket and its cookie, through no link: others can write where they lie."""
    display = re.fullmatch(r":([0-9]{1,5})(?:\.[0-9]+)?", os.environ.get("DISPLAY", ""))
    if not display:
        return
    socket, cookie = f"{_X11}/X{display[1]}", os.path.normpath(os.environ.get("XAUTHORITY", ""))
    source, _ = _open(socket, grants.sources, places)
    if source is None or not stat.S_ISSOCK(source.mode):
        return
    grants.mounts.append(Mount(socket, grants.sources.bind(source, socket, read_only=True)))
    grants.env["DISPLAY"] = f":{display[1]}"
    source, _ = _open(cookie, grants.sources, places) if cookie.startswith("/") else (None, "")
    if source is not None and stat.S_ISREG(source.mode):
        place = f"{runtime}/Xauthority"
        grants.mounts.append(Mount(place, grants.sources.bind(source, place, read_only=True)))
        grants.env["XAUTHORITY"] = place


def _filesystem(value: str, grants: Grants, places: Places, shown: list[_Shown]) -> None:
    """Show one path of the host at its own place."""
    name, read_only = value.removesuffix(":ro"), value.endswith(":ro")
    place = _host_path(name, places)
    source, why = (None, "") if place is None else _open(place, grants.sources, places)
    if place is None or source is None or _is_refused(place, source, places):
        grants.refused.append(f"filesystems={value}{why}")
        return
    shown.append(_Shown(source.path, place, read_only))
    grants.mounts.append(Mount(place, grants.sources.bind(source, place, read_only=read_only)))


def _open(place: str, sources: Sources, places: Places) -> tuple[Source | None, str]:
    """Open what lies at a place; without anything, or behind a link, None and why if it is worth telling."""
    base = places.home if Path(place).is_relative_to(places.home) else Path("/")
    try:
        return sources.open(base, os.path.relpath(place, base)), ""
    except OSError as error:
        return None, " (behind a symbolic link)" if error.errno == errno.ELOOP else ""


def _is_refused(place: str, source: Source, places: Places) -> bool:
    """Whether no app may have it: judged by where it is and by what it is called inside."""
    never = [*_hidden(places), _apps(places)]
    return (
        not (stat.S_ISDIR(source.mode) or stat.S_ISREG(source.mode))
        or any(_is_the_systems(path) for path in (place, str(source.path)))
        or any(source.path.is_relative_to(hidden) for hidden in never)
    )


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
    if not found:
        return None
    directory = Path(os.path.normpath(found.replace("$HOME", str(places.home), 1)))
    return None if places.home.is_relative_to(directory) else directory


def _is_the_systems(place: str) -> bool:
    return place in _NOT_WHOLE or any(
        place == item or place.startswith(f"{item}/") for item in _SYSTEM_PLACES
    )


def _hidden(places: Places) -> list[Path]:
    """Return the real directories that no grant may show: state and configuration of both scopes, sockets."""
    own = [places.state(Scope.USER), places.config / "appctl", *filter(None, [places.runtime])]
    return [Path(os.path.realpath(path)) for path in (*own, SYSTEM_STATE, SYSTEM_CONFIG)]


def _apps(places: Places) -> Path:
    """Return the real directory with the apps' own data."""
    return Path(os.path.realpath(places.all_app_data))


def _mask(grants: Grants, shown: list[_Shown], places: Places) -> None:
    """Cover what must stay hidden wherever a grant shows it; made first, or an app could make it."""
    home = Path(os.path.realpath(places.home))
    pins: dict[str, Mount] = {}
    for hidden in (*_hidden(places), _apps(places)):
        for grant in shown:
            if not hidden.is_relative_to(grant.path):
                continue
            if hidden.is_relative_to(home):
                hidden.mkdir(mode=0o700, parents=True, exist_ok=True)
            if hidden.is_dir():
                _cover(grants, Path(grant.place, hidden.relative_to(grant.path)), places)
                pins |= {pin.place: pin for pin in _pins(grants, grant, hidden, shown)}
    grants.mounts += pins.values()


def _cover(grants: Grants, place: Path, places: Places) -> None:
    """Cover one place; the app's own data come into that of all apps, which is thus no mask."""
    if place == places.all_app_data:
        grants.mounts.append(Mount(str(place), ("--tmpfs", str(place))))
    else:
        grants.masks.append(Mount(str(place), ("--tmpfs", str(place), "--remount-ro", str(place))))


def _pins(grants: Grants, grant: _Shown, hidden: Path, shown: list[_Shown]) -> Iterator[Mount]:
    """Make the directories between a grant and what it must not show mount points: those cannot be renamed.

    Else an app moves ~/.local away, and its next run shows all that lies in it. Below a read-only grant
    nothing can be renamed, and nothing may become writable.
    """
    for path in hidden.parents:
        if path == grant.path:
            return
        place = str(Path(grant.place, path.relative_to(grant.path)))
        around = [other for other in shown if Path(place).is_relative_to(other.place)]
        if max(reversed(around), key=lambda other: len(other.place)) is grant and not grant.read_only:
            source = grants.sources.open(grant.path, str(path.relative_to(grant.path)))
            yield Mount(place, grants.sources.bind(source, place, read_only=False))


def _bind(source: str, place: str) -> Mount:
    return Mount(place, ("--ro-bind", source, place))
