# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app was granted beyond its own sandbox, as plain data for the sandbox that is built of it."""

from dataclasses import dataclass, field
from pathlib import Path

from appctl.running.mounts.sources import Sources


@dataclass(frozen=True)
class Mount:
    """One mount point: `place` inside, and the bubblewrap arguments that make it."""

    place: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """One path of the host, and where it is shown."""

    path: Path
    place: str
    read_only: bool


@dataclass
class Grants:
    """What is granted: mounts in any order, then `masks` after all of them.

    `features` are flatpak's words for more system calls; `buses` are proxy rules by bus (session, system);
    `home` says whether the caller's home directory is shown whole, `displays` whether a display is;
    `denied` are the words, (kind, value), that somebody denied.
    """

    network: bool = False
    ipc: bool = False
    home: bool = False
    displays: bool = False
    features: set[str] = field(default_factory=set)
    buses: dict[str, list[str]] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    masks: list[Mount] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    denied: set[tuple[str, str]] = field(default_factory=set)
    shown: list[Shown] = field(default_factory=list)
    sources: Sources = field(default_factory=Sources)

    def has(self, kind: str, value: str) -> bool:
        """Whether a wish that was looked at is granted."""
        return f"{kind}={value}" not in self.refused and (kind, value) not in self.denied

    def bind(self, source: str, place: str, *, option: str = "--ro-bind") -> None:
        """Show a path whose way nobody but the system or the caller's own session can write."""
        self.mounts.append(Mount(place, (option, source, place)))
