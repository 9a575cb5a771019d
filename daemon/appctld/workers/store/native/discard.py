# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `discard`: a quarantine goes, whatever is in it.

Guarantees: no symlink is followed, and neither a tree of any depth nor directories that nobody may enter keep
it from being removed, at a cost that its number of files bounds. Leaves to others: when; what a crash leaves
is cleared at the next start (recover.py).
"""

import os
import stat
from pathlib import Path

from appctld.model.jsonvalue import JsonObject, get_str
from appctld.workers.protocol import Report
from appctld.workers.store import disk
from appctld.workers.store.names import check_quarantine
from appctld.workers.store.ostree.failures import translated

_OUR_MODE = 0o700


def discard(request: JsonObject, _report: Report) -> JsonObject:
    """`{"quarantine"}`, the directory of one -> `{}`; one that is gone already is no error."""
    path = Path(get_str(request, "quarantine"))
    check_quarantine(path.name)
    with translated("discarding a quarantine"), disk.opened(path.parent) as within:
        if disk.exists(path.name, within):
            _remove(path.name, within)
    return {}


def clear(quarantines: Path) -> None:
    """Remove whatever is in the directory of quarantines; none of them outlives its job."""
    if quarantines.is_dir():
        with disk.opened(quarantines) as within:
            for name in disk.entries(within):
                _remove(name, within)


def _remove(name: str, within: int) -> None:
    """Remove whatever has that name; a directory in a directory moves up before its turn comes."""
    waiting = [name]
    while waiting:
        last = waiting.pop()
        if not _is_directory(last, within):
            os.unlink(last, dir_fd=within)
            continue
        os.chmod(last, _OUR_MODE, dir_fd=within)  # to enter it; it is no symlink, as seen above
        with disk.opened(last, within) as directory:
            waiting += _empty(directory, within)
        os.rmdir(last, dir_fd=within)


def _empty(directory: int, within: int) -> list[str]:
    """Remove what is in a directory; the directories in it move up, and their new names are given back."""
    moved = []
    for name in disk.entries(directory):
        if _is_directory(name, directory):
            os.chmod(name, _OUR_MODE, dir_fd=directory)  # else it could not be moved
            moved.append(disk.staging_name())
            os.rename(name, moved[-1], src_dir_fd=directory, dst_dir_fd=within)
        else:
            os.unlink(name, dir_fd=directory)
    return moved


def _is_directory(name: str, within: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=within, follow_symlinks=False).st_mode)
