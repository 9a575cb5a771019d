# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The words of [Context] in a metadata keyfile (flatpak-metadata(5)): granted at a risk, or refused by name.

Guarantees: a word that takes something away (`!network`) does so as flatpak does, and what remains is every
wish there is: none is shown and then ignored, none is granted unseen (docs/permissions.md has the tables).
"""

import re
from collections.abc import Iterator, Mapping

from appctld.errors import BadManifest, UnsupportedMediaType

LEAVES = "leaves the sandbox"
LIMITED = "limited"
CONTROL = r"\x00-\x1f\x7f-\x9f"

Wish = tuple[str, str, str]  # kind, value, risk

_WORDS: Mapping[str, Mapping[str, str]] = {
    "shared": {"network": LEAVES, "ipc": LEAVES},
    "sockets": {
        "wayland": LIMITED,
        "x11": LEAVES,
        "fallback-x11": LEAVES,
        "pulseaudio": LEAVES,
        "ssh-auth": LEAVES,
        "gpg-agent": LEAVES,
        "pcsc": LEAVES,
        "cups": LIMITED,
    },
    "devices": {"dri": LIMITED, "kvm": LIMITED, "shm": LEAVES, "input": LEAVES, "all": LEAVES},
    "features": {
        "devel": LIMITED,
        "multiarch": LIMITED,
        "bluetooth": LEAVES,
        "canbus": LEAVES,
        "per-app-dev-shm": LIMITED,
    },
}
_REST = rf"(?:/[^{CONTROL}:]+)?"
_OF_THE_USER = "desktop|documents|download|music|pictures|public-share|templates|videos|cache|config|data"
_OF_THE_SESSION = (
    "pipewire-0|gvfs|gvfsd|dconf|speech-dispatcher|app"  # no bus, no service manager, no container
)
_NAMED = re.compile(
    rf"host|host-os|host-etc|home|~/[^{CONTROL}:]+|/[^{CONTROL}:]*|xdg-(?:{_OF_THE_USER}){_REST}"
    rf"|xdg-run/(?:{_OF_THE_SESSION}){_REST}"
)
_UNKNOWN = re.compile(rf"(?:host|xdg)-[a-z-]+{_REST}")  # flatpak's, or a later flatpak's
_MODES = {"": "", "rw": "", "ro": ":ro", "create": ":create"}
_RESET = "host:reset"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def context_wishes(context: Mapping[str, str]) -> set[Wish]:
    """What a [Context] asks for. Raises BadManifest, or UnsupportedMediaType for what is not granted here."""
    wishes: set[Wish] = set()
    for kind in context:
        words = _words(context, kind)
        if kind == "filesystems":
            wishes |= {(kind, place, LEAVES) for place in _places(words)}
        elif kind == "persistent":
            _check_persistent(words)
        elif kind != "unset-environment":
            wishes |= {_wish(kind, word) for word in _left(words)}
    return wishes


def unset_variables(context: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that an app wants without. Raises BadManifest."""
    names = _words(context, "unset-environment")
    if not all(map(_VARIABLE.fullmatch, names)):
        raise BadManifest("the metadata unsets a variable that has no such name")
    return tuple(sorted(set(names)))


def environment_of(group: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The variables of an [Environment], of an app's or a runtime's metadata. Raises BadManifest."""
    if not all(map(_VARIABLE.fullmatch, group)):
        raise BadManifest("the metadata sets a variable that has no such name")
    return tuple((name, _unescaped(value)) for name, value in sorted(group.items()))


def _words(context: Mapping[str, str], kind: str) -> list[str]:
    """The items of a list. Escapes, which only file names could need, are not taken for characters."""
    text = context.get(kind, "")
    if "\\" in text:
        raise BadManifest("the metadata has a backslash in its [Context]")
    return [word.strip() for word in text.split(";") if word.strip()]


def _left(words: list[str]) -> dict[str, None]:
    """The words in their order, without those that a later `!word` takes away."""
    left: dict[str, None] = {}
    for word in words:
        if word.startswith("!"):
            left.pop(word[1:], None)
        else:
            left[word] = None
    return left


def _wish(kind: str, value: str) -> Wish:
    risk = _WORDS.get(kind, {}).get(value)
    if risk is None:
        raise UnsupportedMediaType(
            f"the image asks for {kind!r:.40} = {value!r:.80}, which this version does not grant"
        )
    return kind, value, risk


def _places(words: list[str]) -> Iterator[str]:
    """The file systems with their modes; of one named twice the later mode counts."""
    modes: dict[str, str] = {}
    without: set[str] = set()
    for word in words:
        if word == f"!{_RESET}":
            modes.clear()
            without.clear()
            continue
        name, mode = _place(word.removeprefix("!"))
        if not word.startswith("!"):
            modes[name] = mode
        elif modes.pop(name, None) is None:
            without.add(name)
    if modes and without:  # perhaps a part of what is granted, which would have to be covered
        raise UnsupportedMediaType(
            f"the image asks for file systems without {min(without)!r:.80}: that part cannot be left out here"
        )
    yield from (name + mode for name, mode in modes.items())


def _place(word: str) -> tuple[str, str]:
    """A file system's name, in one way of several, and its mode.

    One place has one spelling, so that what is denied, or was approved, is recognized.
    """
    name, _, mode = word.partition(":")
    name = _without_idle_parts(name)
    if name.startswith("home/"):
        name = f"~/{name.removeprefix('home/')}"
    name = {"~": "home"}.get(name, name)
    if mode not in _MODES or ".." in name.split("/"):
        raise BadManifest("the metadata asks for a file system that has no such name")
    if _NAMED.fullmatch(name):
        return name, _MODES[mode] if mode != "create" or not name.startswith("host") else ""
    if _UNKNOWN.fullmatch(name):
        raise UnsupportedMediaType(
            f"the image asks for filesystems = {name!r:.80}, which this version does not grant"
        )
    raise BadManifest("the metadata asks for a file system that has no such name")


def _without_idle_parts(name: str) -> str:
    """The same path without `//`, `/./` and a slash at its end."""
    first, *rest = name.split("/")
    parts = [part for part in rest if part not in {"", "."}]
    return "/".join([first, *parts]) or name[:1]


def _check_persistent(words: list[str]) -> None:
    """Paths below the home directory: the app's own is kept whole, so that nothing is left to grant."""
    if any(word.startswith("/") or ".." in word.split("/") for word in words):
        raise BadManifest("the metadata asks to keep a path that is not below the home directory")


def _unescaped(value: str) -> str:
    """A string of a key file as the program sees it (Desktop Entry specification, "Possible value types")."""
    characters = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    parts = re.split(r"\\(.?)", value)
    if "\0" in value or any(part not in characters for part in parts[1::2]):
        raise BadManifest("the metadata has a variable whose value is not understood")
    return "".join(characters[part] if number % 2 else part for number, part in enumerate(parts))
