# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The sandbox of everything that reads what strangers wrote: bubblewrap command lines, made and nothing else.

Guarantees: no privileges, no other processes, a cleared environment, a view of the file system that holds the
interpreter and this program and nothing of the user's; the network only where it is asked for. Where it
cannot start, the daemon refuses; nothing ever runs without it.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appctld.system.child import PLAIN

_ISOLATED = (
    "bwrap",
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--cap-drop",
    "ALL",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
)
_ENVIRONMENT = {**PLAIN, "HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108 - the sandbox's own, empty at its start
_TOP_LEVEL = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
NAME_SERVICE = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/run/systemd/resolve",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)


class Launcher(Protocol):
    """Puts what isolates a program in front of its command line."""

    def worker(
        self,
        module: str,
        *,
        network: bool = False,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """One of our own workers, with the interpreter that runs us.

        Of this machine's directories it sees those in `readable` and, to write in, those in `writable`.
        """
        ...

    def stock(
        self,
        *argv: str,
        files: Mapping[str, int] | None = None,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """A program of the distribution; `files` are paths that appear filled from descriptors.

        Directories as for a `worker`.
        """
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the process that is started (not of what runs inside)."""
        ...


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The launcher that the daemon uses. `code` are the directories that hold our packages."""

    code: tuple[Path, ...]
    python: Path = Path(sys.executable)

    @property
    def environment(self) -> Mapping[str, str]:
        """Fixed: what stands in the caller's environment (LD_PRELOAD) would act on bubblewrap itself."""
        return PLAIN

    def worker(
        self,
        module: str,
        *,
        network: bool = False,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.worker`."""
        return (
            *_ISOLATED,
            *(("--share-net",) if network else ()),
            *_system_view(),
            *(part for path in self.code for part in ("--ro-bind", str(path), str(path))),
            *(part for path in NAME_SERVICE if network for part in ("--ro-bind-try", path, path)),
            *(("--proc", "/proc") if writable else ()),  # libostree links its files through /proc/self/fd
            *_shown(readable, writable),
            *_setenv(),
            "--",
            str(self.python),
            "-I",
            "-m",
            module,
        )

    def stock(
        self,
        *argv: str,
        files: Mapping[str, int] | None = None,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Launcher.stock`."""
        data = [part for path, fd in (files or {}).items() for part in ("--ro-bind-data", str(fd), path)]
        shown = _shown(readable, writable)
        return (*_ISOLATED, *_system_view(), *data, *shown, *_setenv(), "--", *argv)


def _system_view() -> list[str]:
    """`/usr`, the links beside it, and empty places to work in."""
    view = ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    for path in _TOP_LEVEL:
        if os.path.islink(path):  # noqa: PTH114 - a string goes on the command line
            view += ["--symlink", os.readlink(path), path]  # noqa: PTH115
        else:
            view += ["--ro-bind-try", path, path]
    return [*view, "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108


def _shown(readable: Sequence[Path], writable: Sequence[Path]) -> list[str]:
    """This machine's directories, each in its own place."""
    bound = [*(("--ro-bind", str(path)) for path in readable), *(("--bind", str(path)) for path in writable)]
    return [part for how, path in bound for part in (how, path, path)]


def _setenv() -> list[str]:
    return [part for name, value in _ENVIRONMENT.items() for part in ("--setenv", name, value)]
