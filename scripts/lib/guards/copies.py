# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Copies of the checkout in which a guard can be removed, each with an environment of its own.

Guarantees: the checkout is only read. Whatever a copy's interpreter imports as `appctld` or `appctl` is the
copy's, in workers that are started with `python -I -m` too: an environment variable would not reach those, so
each copy has a `.venv` of its own, whose path file names the copy.
"""

import contextlib
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from guards.guard import Guard

PACKAGE = Path("daemon/appctld")
COPIED = ("client", "daemon", "data", "docs", "scripts", "stubs", "tests", "pyproject.toml")
_RUBBISH = shutil.ignore_patterns("__pycache__")
# The path file of the checkout, one that starts measuring, and 100 MB that no test imports
_LEFT_OUT = shutil.ignore_patterns(
    "_appctl.pth", "a1_coverage.pth", "*mypy*", "pip*", "setuptools*", "pkg_resources", "grimp*", "ruff*"
)


class Copy:
    """One copy; `python` is its interpreter."""

    def __init__(self, top: Path, path: Path) -> None:
        self.path = path
        self.python = path / ".venv/bin/python"
        path.mkdir()
        for name in COPIED:
            if (top / name).is_dir():
                shutil.copytree(top / name, path / name, symlinks=True, ignore=_RUBBISH)
            else:
                shutil.copy2(top / name, path / name)
        _environment(top / ".venv", path)

    @contextlib.contextmanager
    def without(self, guard: Guard) -> Iterator[None]:
        """The copy's code with one guard removed, until the block ends."""
        file = self.path / PACKAGE / guard.file
        compiled = Path(importlib.util.cache_from_source(str(file)))
        source = file.read_bytes()
        compiled.unlink(missing_ok=True)  # it is told from the source by size and second, which may be equal
        file.write_bytes(guard.removed_from(source))
        try:
            yield
        finally:
            compiled.unlink(missing_ok=True)
            file.write_bytes(source)


def _environment(theirs: Path, copy: Path) -> None:
    """Make the copy's `.venv`: the checkout's libraries, and the copy's own two source roots.

    Links would do for tests, but not in sandboxes, which see this directory and no other.
    """
    ours = copy / ".venv"
    libraries = Path(f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages")
    shutil.copytree(theirs / libraries, ours / libraries, ignore=_LEFT_OUT)
    (ours / libraries / "_appctl.pth").write_text(f"{copy}/client\n{copy}/daemon\n")
    shutil.copy2(theirs / "pyvenv.cfg", ours / "pyvenv.cfg")
    (ours / "bin").mkdir()
    for entry in (theirs / "bin").iterdir():
        if entry.is_symlink():
            (ours / "bin" / entry.name).symlink_to(entry.readlink())
        elif entry.name in {"appctl", "appctld"}:
            script = ours / "bin" / entry.name
            script.write_text(entry.read_text().replace(str(theirs), str(ours)))
            script.chmod(0o755)
