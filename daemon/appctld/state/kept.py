# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Blobs of layers that stay as their publisher packed them (`keep-blobs=yes`), so that images can leave so.

Guarantees: a file stands under a layer's diffID and its own digest only if it was both when the layer was
read; what a login opened is for nobody else on this machine to read. Leaves to others: removing them with
their layer (the store's prune), and hashing them again, which whoever reads one does: nothing is synced here.
"""

from pathlib import Path

from appctld.model.digest import Digest
from appctld.state.paths import Paths
from appctld.system.durable import make_directories

_EVERYBODY, _OWNER = 0o755, 0o700


def keep(paths: Paths, remote: str, blob: Path, names: tuple[Digest, Digest], *, private: bool) -> None:
    """Keep a blob of `remote` that was read; `names` are its layer's diffID and its own digest."""
    shelf = paths.kept_of(remote, private=private)
    make_directories(shelf, _OWNER if private else _EVERYBODY)
    diff_id, digest = names
    blob.replace(shelf / f"{diff_id.hex}.{digest.hex}")
