# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whose repository lies at the place of ours, read from its configuration before libostree touches it.

Guarantees: in another program's nothing is written, not even what opening one leaves (tmp/cache, .lock): a
sweep or a prune of ours would take away what it keeps without a ref. Ours is made with a mark,
`appctl-format=1`; one without an object in it, whose making was cut off, is made to its end.
"""

from pathlib import Path

from gi.repository import GLib

from appctld.errors import RepoCorrupt

FORMAT = 1
MODE = "bare-user"
_MARK = ("core", "appctl-format")  # not in a group of its own: people add settings of [core] at the end


def is_to_be_made(path: Path) -> bool:
    """Whether there is none, or only the beginning of one. Raises RepoCorrupt for another program's."""
    if not (path / "config").exists():
        return True
    config = _read(path / "config")
    if config.mode != MODE:
        raise _foreign(path, f"its mode is {config.mode or 'not said'}", config.mode)
    if config.marked:
        return False
    if any(path.glob("objects/*/*")):
        raise _foreign(path, "it has objects, and not appctl's mark", config.mode)
    return True


def mark(config: GLib.KeyFile) -> None:
    """Say in a configuration that it is ours."""
    config.set_integer(*_MARK, FORMAT)


class _Config:
    """What counts of one: `mode`, empty where it says none, and whether it has our mark."""

    def __init__(self, text: GLib.KeyFile) -> None:
        self.mode = _value(text, "core", "mode")
        self.marked = _value(text, *_MARK) == str(FORMAT)


def _read(path: Path) -> _Config:
    text, data = GLib.KeyFile.new(), path.read_bytes()  # that a disk or a limit says no is no corruption
    try:
        text.load_from_bytes(GLib.Bytes.new(data), GLib.KeyFileFlags.NONE)
    except GLib.Error as error:
        raise RepoCorrupt(f"{path} cannot be read: {error.message}", path=str(path), mode="") from error
    return _Config(text)


def _value(text: GLib.KeyFile, group: str, key: str) -> str:
    try:
        return text.get_string(group, key)
    except GLib.Error:
        return ""


def _foreign(path: Path, why: str, mode: str) -> RepoCorrupt:
    return RepoCorrupt(f"{path} is another program's repository ({why})", path=str(path), mode=mode)
