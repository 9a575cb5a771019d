# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a refused job may not change in a state directory: the installed apps and their refs."""

from pathlib import Path


def installed_state(state: Path) -> dict[str, object]:
    """Every file, directory and link below `apps`, and every ref of an app, by path."""
    paths = [*(state / "apps").rglob("*"), *(state / "repo/refs/heads/appctl/app").rglob("*")]
    return {str(path.relative_to(state)): _content(path) for path in paths}


def _content(path: Path) -> object:
    if path.is_symlink():
        return path.readlink()
    return path.stat().st_mode, b"" if path.is_dir() else path.read_bytes()
