# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app's own directories: ~/.var/app/ID of the caller, made when it first runs.

~/.var/app/ID itself is never shown to the app, only what lies in it, each at its own path: an app that could
rename those directories could leave a symlink for us to bind the next time it runs, and so reach any path of
the host. They are checked to be directories of the caller all the same, for an app that is granted all of the
home directory.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from appctl.running.failed import failed

HOME, CONFIG, DATA, CACHE, STATE, VAR = "home", "config", "data", "cache", "state", "var"
OWN = (HOME, CONFIG, DATA, CACHE, STATE)
_PRIVATE = 0o700
_EXECUTABLE = 0o111


def prepare(top: Path, files: Path | None) -> None:
    """Make an app's directories, and fill /var from the image (if any) the first time. Raises Failure."""
    try:
        top.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        _check(top)
        for name in OWN:
            (top / name).mkdir(mode=_PRIVATE, exist_ok=True)
            _check(top / name)
        if not os.path.lexists(top / VAR):
            _seed(top, files / VAR if files else None)
        _check(top / VAR)
        (top / CACHE / "tmp").mkdir(exist_ok=True)
    except OSError as error:
        raise failed(
            f"{error.filename or top} cannot be made: {error.strerror}", f"HOME is {Path.home()}"
        ) from error


def _check(path: Path) -> None:
    """Raise Failure unless it is a real directory of the caller."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise failed(f"{path} is no directory of yours", "move it away: something put it there")


def _seed(top: Path, image_var: Path | None) -> None:
    """Copy the image's /var; it appears whole, by one rename, or not at all."""
    draft = Path(tempfile.mkdtemp(prefix=".var-", dir=top))
    try:
        if image_var and image_var.is_dir() and not image_var.is_symlink():
            _copy(image_var, draft)
        (draft / "tmp").mkdir(exist_ok=True)
        draft.rename(top / VAR)
    except FileExistsError:
        shutil.rmtree(draft)  # another run was first
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not (top / VAR).is_dir():
            raise


def _copy(source: Path, target: Path) -> None:
    """Copy content and links; of the modes only whether a file can be executed, no time, no xattr."""
    with os.scandir(source) as entries:
        for entry in entries:
            copy = target / entry.name
            if entry.is_symlink():
                copy.symlink_to(Path(entry.path).readlink())
            elif entry.is_dir(follow_symlinks=False):
                copy.mkdir(mode=0o755, exist_ok=True)
                _copy(Path(entry.path), copy)
            elif entry.is_file(follow_symlinks=False):
                shutil.copyfile(entry.path, copy)
                executable = entry.stat(follow_symlinks=False).st_mode & _EXECUTABLE
                copy.chmod(0o644 | executable)
