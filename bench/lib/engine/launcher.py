# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The daemon's sandbox, with one more variable in the environment of what runs inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from appctld.system.sandbox import Launcher


@dataclass(frozen=True)
class WithVariable:
    """A `Launcher` that sets `name` to `value` inside."""

    launcher: Launcher
    name: str
    value: str

    @property
    def environment(self) -> Mapping[str, str]:
        """See `Launcher.environment`."""
        return self.launcher.environment

    def worker(
        self,
        module: str,
        *,
        network: bool = False,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.worker`."""
        return self._set(self.launcher.worker(module, network=network, writable=writable, readable=readable))

    def stock(
        self,
        *argv: str,
        files: Mapping[str, int] | None = None,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.stock`."""
        return self._set(self.launcher.stock(*argv, files=files, writable=writable, readable=readable))

    def _set(self, words: tuple[str, ...]) -> tuple[str, ...]:
        at = words.index("--")
        return (*words[:at], "--setenv", self.name, self.value, *words[at:])
