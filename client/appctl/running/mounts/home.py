# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app's own directories: ~/.var/app/ID of the caller, made when it first runs.

~/.var/app/ID itself is never shown to the app, only what lies in it, each at its own path: an app that could
rename those directories could leave a symlink for us to bind the next time it runs, and so reach any path of
the host. They are checked to be directories of the caller all the same, for an app that is granted all of the
home directory.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from appctl.caller_files import remove_tree
from appctl.running.failed import failed

HOME, CONFIG, DATA, CACHE, STATE, VAR = "home", "config", "data", "cache", "state", "var"
OWN = (HOME, CONFIG, DATA, CACHE, STATE)
PRIVATE = 0o700
_DRAFT = "%draft-"  # no volume's directory is called so: there %25 and %2F are the only ones
_EXECUTABLE = 0o111


def prepare(top: Path, files: Path | None) -> None:
    """Make an app's directories, and fill /var from the image (if any) the first time. Raises Failure."""
    try:
        top.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        check(top)
        for name in OWN:
            (top / name).mkdir(mode=PRIVATE, exist_ok=True)
            check(top / name)
        if not os.path.lexists(top / VAR):
            made_once(top / VAR, files / VAR if files else None, "tmp")
        check(top / VAR)
        (top / CACHE / "tmp").mkdir(exist_ok=True)
    except OSError as error:
        raise failed(
            f"{error.filename or top} cannot be made: {error.strerror}", f"HOME is {Path.home()}"
        ) from error


def check(path: Path) -> None:
    """Raise Failure unless it is a real directory of the caller."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise failed(f"{path} is no directory of yours", "move it away: something put it there")


def made_once(place: Path, source: Path | None, *within: str) -> None:
    """Make a directory with what an image has at `source`; it appears whole, by one rename, or not at all.

    A link there is no directory. `within` are directories that it has in any case. Raises OSError, and what
    stops it (Ctrl-C): no half of a copy stays.
    """
    with _alone(place.parent):
        if os.path.lexists(place):
            return  # another run was first, and its app may use it by now
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=place.parent))
        try:
            if source and source.is_dir() and not source.is_symlink():
                _copy(source, draft)
            for name in within:
                (draft / name).mkdir(exist_ok=True)
            draft.rename(place)
        except BaseException as error:
            remove_tree(draft)
            by_another = isinstance(error, OSError) and place.is_dir()  # where nobody can lock
            if not by_another:
                raise


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let one at a time make something in a directory; what is left of one that was killed goes first.

    Some network file systems lock no directory: there nothing goes, and both may try.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for left in directory.glob(f"{_DRAFT}*"):
                if not left.is_symlink():
                    remove_tree(left)
        yield
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path) -> None:
    """Copy content and links; of the modes only whether a file can be executed, no time, no xattr."""
    waiting = [(source, target)]  # no recursion: an image nests directories as deep as it likes
    while waiting:
        here, there = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                _copy_one(entry, there / entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), there / entry.name))


def _copy_one(entry: "os.DirEntry[str]", copy: Path) -> None:
    if entry.is_symlink():
        copy.symlink_to(Path(entry.path).readlink())
    elif entry.is_dir(follow_symlinks=False):
        copy.mkdir(mode=0o755, exist_ok=True)
    elif entry.is_file(follow_symlinks=False):
        shutil.copyfile(entry.path, copy)
        executable = entry.stat(follow_symlinks=False).st_mode & _EXECUTABLE
        copy.chmod(0o644 | executable)
