# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Paths of the host by flatpak's names for them (flatpak-metadata(5), `filesystems`).

Guarantees: a place of the system's, or one with the data of an app, is not granted and named. What is judged
is what would be shown, whatever its name, and no link below the home directory (elsewhere: none at all) is
followed: whoever can write a directory can put one there. What else must stay hidden is in masks.py.
"""

import os
import re
import stat
from pathlib import Path

from appctl.places import Places
from appctl.running.grants.granted import Grants, Mount, Shown
from appctl.running.grants.masks import apps, hidden
from appctl.running.mounts.sources import Source

_SYSTEM_PLACES = ("/app", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/etc", "/proc",
                  "/dev", "/sys", "/run", "/boot", "/efi", "/root", "/.flatpak-info")  # fmt: skip
_NOT_WHOLE = ("/", "/tmp", "/var")  # noqa: S108 - the app has its own
_HOST_OS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_HOST_OS_ETC = ("/etc/ld.so.cache", "/etc/alternatives")  # without which the libraries are not found
_XDG = ("xdg-data", "xdg-config", "xdg-cache")
_OF_THE_SESSION = ("pipewire-0", "gvfs", "gvfsd", "dconf", "speech-dispatcher", "app")  # of xdg-run
_USER_DIRS = {
    "xdg-desktop": "DESKTOP", "xdg-documents": "DOCUMENTS", "xdg-download": "DOWNLOAD", "xdg-music": "MUSIC",
    "xdg-pictures": "PICTURES", "xdg-public-share": "PUBLICSHARE", "xdg-templates": "TEMPLATES",
    "xdg-videos": "VIDEOS",
}  # fmt: skip
_USER_DIRS_LINE = re.compile(r'XDG_([A-Z]+)_DIR="(\$HOME/[^"$\\]*|/[^"$\\]*)"')


def show(value: str, grants: Grants, places: Places, runtime: str) -> None:
    """Show what a word stands for, or say that it is not granted."""
    name, _, mode = value.rpartition(":") if value.endswith((":ro", ":create")) else (value, "", "")
    if places.only_home and not _is_below_home(name, places):
        grants.refused.append(f"filesystems={value}")
    elif name == "host":
        _host(grants, places, runtime, mode)
    elif name == "host-os":
        _below_run_host((*_HOST_OS, *_HOST_OS_ETC), grants, places)
    elif name == "host-etc":
        _below_run_host(("/etc",), grants, places)
    elif name.startswith("xdg-run/"):
        _of_the_session(name.removeprefix("xdg-run/"), value, mode, grants, places, runtime)
    else:
        _one(name, value, mode, grants, places)


def is_name(value: str) -> bool:
    """Whether a text names a place, without a mode."""
    first, _, rest = value.partition("/")
    if ".." in value.split("/") or ":" in value or not value.isprintable():
        return False
    if first == "xdg-run":
        return rest.partition("/")[0] in _OF_THE_SESSION
    whole = {"host", "host-os", "host-etc"}
    return value in whole or (first in {"", "home", "~", *_XDG, *_USER_DIRS} and bool(value))


def lies_in(value: str, denied: str, places: Places) -> bool:
    """Whether a word, with its mode, names a place that lies in the one that is denied.

    What is shown whole or not at all (xdg-run) does so too where the one denied is a part of it.
    """
    name = os.path.normpath(value.removesuffix(":ro").removesuffix(":create"))
    denied = os.path.normpath(denied)
    sockets = [item == "xdg-run" or item.startswith("xdg-run/") for item in (name, denied)]
    if any(sockets):
        return all(sockets) and (_is_in(name, denied) or _is_in(denied, name))
    if denied == "host" or name in {"host", "host-os", "host-etc"}:
        return denied in {"host", name}
    place = host_path(name, places)
    return place is not None and any(
        Path(os.path.realpath(place)).is_relative_to(path) for path in really(denied, places)
    )


def really(denied: str, places: Places) -> list[Path]:
    """Return where a denied place really is, if it is a path that a greater one could show."""
    place = None if denied.startswith("xdg-run/") else host_path(denied, places)
    return [] if place is None else [Path(os.path.realpath(place))]


def inside(denied: str) -> list[str]:
    """Return the places inside that a denied name stands for, whatever showed them."""
    below = {"host-os": (*_HOST_OS, *_HOST_OS_ETC), "host-etc": ("/etc",)}.get(denied, ())
    return [f"/run/host{path}" for path in below]


def _is_in(name: str, other: str) -> bool:
    return Path(name).is_relative_to(other)


def _is_below_home(name: str, places: Places) -> bool:
    place = host_path(name, places)
    return place is not None and Path(place).is_relative_to(places.home)


def _one(name: str, value: str, mode: str, grants: Grants, places: Places) -> None:
    """Show one path of the host at its own place."""
    place = host_path(name, places)
    if place is None or _is_never_shown(place, places):
        grants.refused.append(f"filesystems={value}")
        return
    source, why = grants.sources.look(places.home, place, create=mode == "create")
    if source is None or not (stat.S_ISDIR(source.mode) or stat.S_ISREG(source.mode)):
        grants.refused.append(f"filesystems={value}{why}")
        return
    grants.home |= place == str(places.home)
    _bind(source, place, grants, read_only=mode == "ro")


def _host(grants: Grants, places: Places, runtime: str, mode: str) -> None:
    """Show every directory of the root that is not the system's, the home directory, and what host-* show."""
    end = f":{mode}" if mode else ""
    for entry in sorted(os.scandir("/"), key=lambda item: item.name):
        if entry.is_dir(follow_symlinks=False) and not _is_the_systems(entry.path):
            show(entry.path + end, grants, places, runtime)
    show(f"home{end}", grants, places, runtime)
    _below_run_host(("/etc", *_HOST_OS), grants, places)


def _below_run_host(paths: tuple[str, ...], grants: Grants, places: Places) -> None:
    """Show paths of the operating system below /run/host, read-only, links as links."""
    for path in paths:
        place = f"/run/host{path}"
        if any(Path(place).is_relative_to(mount.place) for mount in grants.mounts):
            continue
        if Path(path).is_symlink():
            grants.mounts.append(Mount(place, ("--symlink", str(Path(path).readlink()).lstrip("/"), place)))
            continue
        source, _ = grants.sources.look(places.home, path)
        if source is not None:
            _bind(source, place, grants, read_only=True)


def _of_the_session(name: str, value: str, mode: str, grants: Grants, places: Places, runtime: str) -> None:
    """Show one of the few things in the runtime directory that are no bus and start nothing."""
    first, source = name.partition("/")[0], None
    if first in _OF_THE_SESSION and ".." not in name.split("/") and places.runtime is not None:
        source, _ = grants.sources.look(places.runtime, str(places.runtime / name), create=mode == "create")
    if source is None:
        grants.refused.append(f"filesystems={value}")
    else:
        place = f"{runtime}/{os.path.normpath(name)}"
        bound = grants.sources.bind(source, place, read_only=mode == "ro")
        grants.mounts.append(Mount(place, bound))


def _bind(source: Source, place: str, grants: Grants, *, read_only: bool) -> None:
    grants.shown.append(Shown(source.path, place, read_only))
    grants.mounts.append(Mount(place, grants.sources.bind(source, place, read_only=read_only)))


def _is_never_shown(place: str, places: Places) -> bool:
    """Whether no app may have it: judged by what it is called inside, and by where it really is."""
    really = Path(place)
    if really.is_relative_to(places.home):  # the one way that may have links, which no app can make
        really = Path(os.path.realpath(places.home)) / really.relative_to(places.home)
    return (
        _is_the_systems(place)
        or _is_the_systems(str(really))
        or any(really.is_relative_to(path) for path in [*hidden(places), apps(places)])
    )


def host_path(name: str, places: Places) -> str | None:
    """Return the absolute path that a file system's name means; None when there is none."""
    first, _, rest = name.partition("/")
    if ".." in name.split("/") or "\0" in name:
        return None
    if name.startswith("/"):
        return os.path.normpath(name).replace("//", "/")
    base = dict(zip(_XDG, (places.data, places.config, places.home / ".cache"), strict=True)).get(first)
    if first in {"home", "~"}:
        base = places.home
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
