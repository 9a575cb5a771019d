# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `mend`: clear away what is not what its name says, so that it can be brought here anew.

Guarantees: nobody else works in the repository meanwhile (the exclusive lock, else Busy); a layer's ref goes,
durably, before any object that it needs; only objects that were hashed just now and are wrong are removed, so
that what comes next gets a fresh inode (R4); what is right stays, brought back to the mode and time that we
leave. Deployments are not touched: they have links of their own. Leaves to others: bringing it here again.
"""

import os
from pathlib import Path

from appctld.errors import RepoCorrupt
from appctld.model.jsonvalue import Json, JsonObject, get_objects, get_str, get_strings
from appctld.workers.protocol import Report
from appctld.workers.store import disk, names
from appctld.workers.store.audit.reach import Reached, reach
from appctld.workers.store.audit.stored_refs import stored_refs
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import disk_mode
from appctld.workers.store.ostree.repository import Repository

_LAYERS = ("appctl/layer/", "appctl/ostree/")


def mend(request: JsonObject, report: Report) -> JsonObject:
    """`{"repo", "refs", "drop_refs"}` -> `{"removed", "mended", "dropped", "written"}`.

    `refs` are `{"ref", "commit"}`, as records have them. One whose commit is whole is written where it names
    another or is missing; a layer's whose commit is not is dropped, as all of `drop_refs` are. Raises Busy at
    once, NoSpace.
    """
    repository = Repository.open(Path(get_str(request, "repo")))
    refs = dict(map(_ref, get_objects(request, "refs")))
    drop = set(map(names.check_ref, get_strings(request, "drop_refs")))
    with repository.exclusive(wait=False), translated("mending"):
        reached = reach(repository, refs.values(), report)
        there = stored_refs(repository.path)
        whole = {ref: commit for ref, commit in refs.items() if ref not in drop and reached.whole(commit)}
        drop |= {ref for ref in refs.keys() - whole.keys() if ref.startswith(_LAYERS)}
        for ref in sorted(drop):
            repository.drop_ref(ref)
        removed = _remove(repository, reached)
        _settle(repository, reached)
        written = {ref: commit for ref, commit in whole.items() if there.get(ref) != commit}
        for ref, commit in written.items():
            repository.write_ref(ref, commit)
    return {
        "removed": removed,
        "mended": len(reached.touched),
        "dropped": list[Json](sorted(drop)),
        "written": list[Json](sorted(written)),
    }


def _ref(item: JsonObject) -> tuple[str, str]:
    return names.check_ref(get_str(item, "ref")), names.check_checksum(get_str(item, "commit"))


def _remove(repository: Repository, reached: Reached) -> int:
    """Remove every wrong object that is there; how many there were."""
    removed = 0
    for kind, name in reached.wrong:
        if repository.stat(kind, name) is not None:
            directory, _, entry = loose_path(kind, name).rpartition("/")
            with disk.opened(directory, repository.directory) as within:
                disk.remove_tree(entry, within)
            removed += 1
    disk.sync(repository.directory)
    return removed


def _settle(repository: Repository, reached: Reached) -> None:
    """Give objects whose content is right the mode and time that we leave (R12)."""
    for kind, name in reached.touched:
        path = loose_path(kind, name)
        mode = disk_mode(reached.modes[name]) if kind is Kind.FILE else 0o444
        with translated(f"mending {name}", otherwise=RepoCorrupt):
            os.chmod(path, mode, dir_fd=repository.directory)  # a regular file, as was seen under this lock
            if kind is Kind.FILE:
                os.utime(path, ns=(0, 0), dir_fd=repository.directory, follow_symlinks=False)
