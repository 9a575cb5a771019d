# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The keys of a desktop file that may leave an app, each with what its value may be.

Guarantees: a reader gives the value as it is written again, or None where it is to be left out. What is not
in KEYS is left out: TryExec and Path name files of the host, X- keys and Implements steer one desktop each.
"""

import re
from collections.abc import Callable, Mapping

from appctld.workers.store.exports.desktop.values import escaped, joined, split, unescaped
from appctld.workers.store.exports.text import LINE, shown

ITEMS = 1024  # of a list: players know some hundred MIME types
MIME_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_WORD = re.compile(r"(?!X-)[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_DESKTOP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_WINDOW_CLASS = re.compile(r"[\w.: -]{1,255}")
_VERSION = re.compile(r"1\.[0-5]")

Reader = Callable[[str], str | None]


def text(value: str) -> str | None:
    """Text for people."""
    meant = unescaped(value)
    seen = shown(meant) if meant is not None and len(meant) <= LINE else ""
    return escaped(seen) or None


def texts(value: str) -> str | None:
    """A list of text for people; GLib would cut at a `;` whatever stands before it."""
    found = [shown(item) for item in (split(value) or [])[:ITEMS]]
    return joined([item for item in found if 0 < len(item) <= LINE and ";" not in item]) or None


def boolean(value: str) -> str | None:
    """Yes or no, in the two words that there are for it."""
    return value if value in {"true", "false"} else None


def matching(pattern: re.Pattern[str]) -> Reader:
    """A word."""
    return lambda value: value if pattern.fullmatch(value) else None


def listed(pattern: re.Pattern[str]) -> Reader:
    """A list of words; others are left out of it."""

    def read(value: str) -> str | None:
        return joined([item for item in (split(value) or [])[:ITEMS] if pattern.fullmatch(item)]) or None

    return read


KEYS: Mapping[str, Reader] = {
    "Version": matching(_VERSION),
    "Name": text,
    "GenericName": text,
    "Comment": text,
    "Keywords": texts,
    "NoDisplay": boolean,
    "Hidden": boolean,
    "OnlyShowIn": listed(_DESKTOP),
    "NotShowIn": listed(_DESKTOP),
    "Terminal": boolean,
    "MimeType": listed(MIME_TYPE),
    "Categories": listed(_WORD),
    "StartupNotify": boolean,
    "StartupWMClass": matching(_WINDOW_CLASS),
    "SingleMainWindow": boolean,
    "PrefersNonDefaultGPU": boolean,
    "X-GNOME-UsesNotifications": boolean,
}
ACTION_KEYS: Mapping[str, Reader] = {
    "Name": text,
    "OnlyShowIn": listed(_DESKTOP),
    "NotShowIn": listed(_DESKTOP),
}
TRANSLATED = frozenset({"Name", "GenericName", "Comment", "Keywords"})
