# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where portals look for a sandbox's first process: $XDG_RUNTIME_DIR/.flatpak/INSTANCE/bwrapinfo.json.

They know an app by /.flatpak-info (info.py), and xdg-desktop-portal since 1.19 answers none whose process it
does not find there.

Guarantees: the file is complete before the app starts, and goes when the app ends; no app sees it (masks.py).
flatpak keeps its own beside it, under names of digits alone.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def instance(pid: int | str) -> str:
    """Return what portals are to call the sandbox of the `appctl run` that has this number."""
    return f"appctl-{pid}"


@contextmanager
def found(runtime: Path, pid: int) -> Iterator[int]:
    """Yield the descriptor for bubblewrap's --info-fd, which it writes before it lets the app start."""
    directory = _directory(runtime, pid)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # a kill may have left it
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    file = os.open(directory / "bwrapinfo.json", flags, 0o600)
    try:
        yield file
    finally:
        os.close(file)
        forget(runtime, pid)


def forget(runtime: Path, pid: int | str) -> None:
    """Remove what was said of a sandbox that is no more."""
    shutil.rmtree(_directory(runtime, pid), ignore_errors=True)


def _directory(runtime: Path, pid: int | str) -> Path:
    return runtime / ".flatpak" / instance(pid)
