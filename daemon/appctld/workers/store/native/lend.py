# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `lend`: what a remote gave before, where a pull may see that it need not come again.

Guarantees: only objects of a commit that one of this very remote's refs names (R5), as hard links in a
directory of their own, so that nothing else of the shared repository is ever shown to a process that has a
network. Leaves to others: that the directory is shown read-only, and hashing what a pull left out (held.py).
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from appctld.errors import NotFound
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.workers.protocol import Report
from appctld.workers.store import disk
from appctld.workers.store.names import check_commit_ref, check_quarantine
from appctld.workers.store.native.held import Held
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.repository import Repository

CONFIG = b"[core]\nrepo_version=1\nmode=bare-user\n"
_DIRECTORIES = ("objects", "refs", "refs/heads", "refs/remotes", "state", "tmp")  # what libostree looks for


def lend(request: JsonObject, _report: Report) -> JsonObject:
    """`{"repo", "quarantine", "ref"}` -> `{}`; `ref` is `appctl/commit/REMOTE/COMMIT`, `quarantine` empty.

    Raises NotFound (no ref of that remote names the commit), RepoCorrupt, NoSpace, Busy.
    """
    _, _, remote, commit = check_commit_ref(get_str(request, "ref")).split("/")
    place = Path(get_str(request, "quarantine"))
    check_quarantine(place.name)
    repository = Repository.open(Path(get_str(request, "repo")))
    with repository.shared(), translated("lending a commit"), disk.opened(place) as directory:
        found = Held(repository, remote, commit).everything()
        if commit not in found.objects[Kind.COMMIT]:
            raise NotFound(f"remote {remote} has no commit {commit} here")
        for name in _DIRECTORIES:
            os.mkdir(name, dir_fd=directory)
        _link(repository.directory, directory, _paths(found.objects))
        (place / "config").write_bytes(CONFIG)
    return {}


def _paths(objects: dict[Kind, set[str]]) -> Iterator[str]:
    return (loose_path(kind, name) for kind, names in objects.items() for name in sorted(names))


def _link(source: int, target: int, paths: Iterator[str]) -> None:
    for path in paths:
        with contextlib.suppress(FileExistsError):
            os.mkdir(os.path.dirname(path), dir_fd=target)  # noqa: PTH120 - relative to a descriptor
        try:
            os.link(path, path, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EMLINK:  # one that has too many links already comes again
                raise
