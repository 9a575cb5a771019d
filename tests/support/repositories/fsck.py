# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `ostree fsck` asks libostree, asked in this process and of every object."""

from pathlib import Path

from gi.repository import OSTree

from appctld.workers.store.ostree.kinds import Kind

_AT_FDCWD = -100  # fcntl.h


def fsck(repo: Path) -> None:
    """Every object is what its name says; every commit has all that it needs, and every ref a commit."""
    library = OSTree.Repo.open_at(_AT_FDCWD, str(repo), None)
    there: set[tuple[str, OSTree.ObjectType]] = set()
    for kind in Kind:
        for path in repo.glob(f"objects/??/*.{kind.suffix}"):
            name = path.parent.name + path.stem
            library.fsck_object(kind.library, name, None)
            there.add((name, kind.library))
    commits = {name for name, kind in there if kind is Kind.COMMIT.library}
    for commit in commits:
        _, needed = library.traverse_commit(commit, 0, None)
        assert {(name, OSTree.ObjectType(kind)) for name, kind in (each.unpack() for each in needed)} <= there
    _, refs = library.list_refs(None, None)
    assert {*refs.values()} <= commits
