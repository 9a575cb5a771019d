# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The refs as they lie on the disk, also those that libostree would fail over.

Guarantees: no symlink is followed, nothing but a short regular file is read, and a ref that holds anything
but one checksum counts as naming nothing. Only refs of our own forms are looked at.
"""

import os
import re
import stat
from pathlib import Path

from appctld.errors import Failed
from appctld.workers.store import names

_ROOT = Path("refs/heads/appctl")
_REF = re.compile(rb"([0-9a-f]{64})\n?")


def stored_refs(repository: Path) -> dict[str, str | None]:
    """Every ref of ours, with the commit that it names."""
    top = repository / _ROOT
    found: dict[str, str | None] = {}
    for directory, _, entries in os.walk(top):
        for name in entries:
            path = Path(directory) / name
            ref = str(Path("appctl") / path.relative_to(top))
            if _is_ours(ref):
                found[ref] = _commit(path)
    return found


def _is_ours(ref: str) -> bool:
    try:
        names.check_ref(ref)
    except Failed:
        return False
    return True


def _commit(path: Path) -> str | None:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as file:
            match = _REF.fullmatch(file.read(66))
    except OSError:
        return None
    return match[1].decode() if match else None
