# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""For whom something is exported, and what comes of it."""

from dataclasses import dataclass

SAID = 300  # characters of a reason: it quotes the file
NOTES = 64  # of what was left out of a file
NOTE = 100  # characters of one: it is a name in the file


class Refused(Exception):
    """A file that is not exported; `reason` is one sentence, which may hold foreign text."""

    def __init__(self, reason: str) -> None:
        self.reason = reason[:SAID]
        super().__init__(self.reason)


@dataclass(frozen=True, slots=True)
class Exporter:
    """An app, and how it is started.

    `command` is an absolute path and fixed words ("/usr/bin/appctl", "--system", "run"), which know
    `--file-forwarding`. `services` are the names of D-Bus services, `desktops` the desktop files that are
    exported as well (None: not known, any of the app's own counts). `taken` are MIME types, aliases and globs
    (`*.txt`) that the host has.
    """

    id: str
    command: tuple[str, ...]
    services: frozenset[str] = frozenset()
    desktops: frozenset[str] | None = None
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Emitted:
    """What may be exported, and in words what of the publisher's file does not stand in it."""

    data: bytes
    dropped: tuple[str, ...] = ()

    def bounded(self) -> "Emitted":
        """The same, with as much of the words as anybody reads, each once."""
        return Emitted(self.data, tuple(dict.fromkeys(note[:NOTE] for note in self.dropped))[:NOTES])
