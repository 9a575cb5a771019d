# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Blobs that are kept beside their layers (daemon/appctld/state/kept.py): they go when the layer goes.

Guarantees: no symlink is followed; what is not named as we name things is left alone.
"""

import contextlib
import os
import re
from collections.abc import Collection
from pathlib import Path

from appctld.workers.store import disk, names

_NAME = re.compile(r"([0-9a-f]{64})\.[0-9a-f]{64}")
_LOGIN = ".login"
_KINDS = ("layer", "ostree")


def sweep(directory: Path, refs: Collection[str], *, remove: bool) -> int:
    """Bytes of those whose layer is named by no ref among `refs`; they are removed only if `remove`."""
    if not directory.is_dir():
        return 0
    freed = 0
    with disk.opened(directory) as above:
        for theirs in filter(names.is_blob_directory, disk.entries(above)):
            if not disk.is_directory(theirs, above):
                continue
            remote = theirs.removesuffix(_LOGIN)
            with disk.opened(theirs, above) as within:
                unwanted = [
                    name
                    for name in disk.entries(within)
                    if _is_unwanted(name, remote, refs) and not disk.is_directory(name, within)
                ]
                for name in unwanted:
                    freed += os.stat(name, dir_fd=within, follow_symlinks=False).st_size
                    if remove:
                        os.unlink(name, dir_fd=within)
            if remove:
                with contextlib.suppress(OSError):
                    os.rmdir(theirs, dir_fd=above)  # only if nothing is left in it
    return freed


def _is_unwanted(name: str, remote: str, refs: Collection[str]) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and not any(f"appctl/{kind}/{remote}/{found[1]}" in refs for kind in _KINDS)
