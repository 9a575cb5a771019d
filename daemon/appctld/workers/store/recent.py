# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The directories of the commit that this process merged last, for the deployment that comes next (ADR 21).

Guarantees: each was hashed and validated when this process read it, or made and named by it; they are given
out once, and those of one commit at most are kept. Leaves to others: the commit itself and its dirmetas,
which are read again, and what became of the dirtrees on the disk meanwhile, which is seconds.
"""

from collections.abc import Mapping

from appctld.workers.store.ostree.tree import DirTree

_kept: dict[str, Mapping[str, DirTree]] = {}


def keep(commit: str, trees: Mapping[str, DirTree]) -> None:
    """Keep the dirtrees of a commit, by checksum, and no longer those of another."""
    _kept.clear()
    _kept[commit] = trees


def take(commit: str) -> Mapping[str, DirTree]:
    """What is kept of a commit, maybe nothing, and is kept no longer."""
    return _kept.pop(commit, {})
