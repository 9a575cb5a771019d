# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A permission as a person types it: KIND=VALUE as it is shown, or a word that can mean only one.

Whether it is a permission that can be had the daemon says, or who reads it.
"""

import os

from appctl.failure import usage
from appctl.running.grants.denials import WORDS, Word
from appctl.running.grants.filesystems import is_name

_KINDS = {*WORDS, "filesystems", "session-bus", "system-bus"}
_MODES = (":ro", ":rw", ":create")


def wish(text: str) -> Word:
    """Read one. Raises Failure."""
    kind, equals, value = text.partition("=")
    if equals and kind in _KINDS and value:
        return kind, _place(value) if kind == "filesystems" else value
    kinds = [kind for kind, words in WORDS.items() if text in words]
    if len(kinds) == 1:
        return kinds[0], text
    if is_name(_bare(text)):
        return "filesystems", _place(text)
    raise usage(f"{text!r} is no permission", "KIND=VALUE as `appctl permissions ID` shows it")


def _place(text: str) -> str:
    """Write a place in the one way in which it is compared."""
    name = _bare(text)
    mode = text[len(name) :].replace(":rw", "")
    name = os.path.normpath(name)
    first, slash, rest = name.partition("/")
    name = f"~/{rest}" if first == "home" and slash else name
    return {"~": "home"}.get(name, name) + mode


def _bare(text: str) -> str:
    return next((text.removesuffix(mode) for mode in _MODES if text.endswith(mode)), text)
