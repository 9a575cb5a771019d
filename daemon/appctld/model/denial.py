# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A permission that no app may have, and which wishes would give it.

Pure. Guarantees: a wish is refused that gives what is denied, be it as a part of more: where `home` is denied
so are `host` and paths above home directories or below where they are; the mode of a file system makes no
difference, nor whether a directory is named by its path or by its role (`~/.config`, `xdg-config`). A denial
that no wish could ever meet is an error, so that no slip of the pen denies nothing.

Leaves to others: wishes for less. Where `home` is denied an app may still ask for `xdg-documents`; `*` denies
every value of a kind. Of directories that users may have moved (`xdg-documents`) the usual path is meant.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appctld.errors import BadManifest, InvalidReference, UnsupportedMediaType
from appctld.model.buspolicy import GROUPS
from appctld.model.permissions import Permission, parse_permission

FILES = "filesystems"
KINDS = ("shared", "sockets", "devices", "features", FILES, *GROUPS.values())
ALL = "*"
_WIDEST = {("devices", "all"), (FILES, "host"), (FILES, "/")}  # wishes that give every other of their kind
_SAME = {"fallback-x11": "x11"}  # two words for one thing
_POLICIES = ("see", "talk", "own")  # each gives those before it
_HOMES = ("/home", "/root", "/var/home")
_OF_A_HOME = re.compile(r"home|~/.*|xdg-(?!run/).*|(?:/home|/root|/var/home)/.*")
_USUALLY = {
    "xdg-config": "~/.config", "xdg-data": "~/.local/share", "xdg-cache": "~/.cache",
    "xdg-desktop": "~/Desktop", "xdg-documents": "~/Documents", "xdg-download": "~/Downloads",
    "xdg-music": "~/Music", "xdg-pictures": "~/Pictures", "xdg-public-share": "~/Public",
    "xdg-templates": "~/Templates", "xdg-videos": "~/Videos",
}  # fmt: skip
_SOMEBODYS_HOME = re.compile(r"(?:(?:/var)?/home/[^/]+|/root)(?=/)")
_MODE = re.compile(r":(?:ro|create)$")


@dataclass(frozen=True, slots=True)
class Denial:
    """`value` is one of the kind's, without a mode, or `*`; of a bus NAME:POLICY."""

    kind: str
    value: str

    def refuses(self, asked: Permission) -> bool:
        """Whether that wish would give what is denied."""
        if asked.kind != self.kind:
            return False
        value = _MODE.sub("", asked.value) if self.kind == FILES else asked.value
        if self.value == ALL or (self.kind, value) in _WIDEST:
            return True
        return _GIVES.get(self.kind, _is_same)(value, self.value)


def parse_denial(text: str) -> Denial:
    """Read `KIND=VALUE`, as previews show permissions. Raises InvalidReference."""
    kind, _, value = text.partition("=")
    if kind not in KINDS:
        raise InvalidReference(f"'{text[:80]}' is no KIND=VALUE with a kind of {', '.join(KINDS)}")
    if value == ALL:
        return Denial(kind, ALL)
    if kind == FILES and _MODE.search(value):
        raise InvalidReference(f"'{text[:80]}': a denial is of every mode, so leave it out")
    if kind in GROUPS.values() and ":" not in value:
        value = f"{value}:{_POLICIES[0]}"  # whoever may not see it may do nothing with it
    try:
        return Denial(kind, parse_permission(kind, value).value)
    except (BadManifest, UnsupportedMediaType) as error:
        raise InvalidReference(f"'{text[:80]}' is no permission, or one that no app is granted") from error


def _is_same(asked: str, denied: str) -> bool:
    return _SAME.get(asked, asked) == _SAME.get(denied, denied)


def _holds_place(asked: str, denied: str) -> bool:
    """Whether a file system is another, or holds it."""
    if f"{_usually(denied)}/".startswith(f"{_usually(asked)}/"):
        return True
    of_a_home = _OF_A_HOME.fullmatch(denied) is not None
    return of_a_home and (asked == "home" or _is_near_homes(asked))


def _usually(path: str) -> str:
    """Where a file system is, from whosever home directory."""
    first, slash, rest = path.partition("/")
    return _SOMEBODYS_HOME.sub("~", f"{_USUALLY.get(first, first)}{slash}{rest}", count=1)


def _is_near_homes(path: str) -> bool:
    """Whether a path is above home directories, or lies below where they are."""
    pairs = [(f"{path}/", f"{home}/") for home in _HOMES]
    return any(ours.startswith(theirs) or theirs.startswith(ours) for ours, theirs in pairs)


def _lets_do(asked: str, denied: str) -> bool:
    """Whether a bus policy lets do as much with a name, or with some that a wildcard means."""
    name, _, policy = asked.rpartition(":")
    other, _, least = denied.rpartition(":")
    if _POLICIES.index(policy) < _POLICIES.index(least):
        return False
    return name == other or _means(name, other) or _means(other, name)


def _means(wildcard: str, name: str) -> bool:
    """Whether `org.example.*` means a name."""
    prefix, _, _ = wildcard.rpartition(".*")  # empty of what is none, and then no name begins so
    return f"{name}.".startswith(f"{prefix}.")


_GIVES: Mapping[str, Callable[[str, str], bool]] = {
    FILES: _holds_place,
    **dict.fromkeys(GROUPS.values(), _lets_do),
}
