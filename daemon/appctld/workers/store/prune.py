# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `prune`: remove what no kept ref needs.

Guarantees: nobody writes objects meanwhile (the exclusive lock, else Busy); refs are dropped durably before
the first object goes, and commits before what they need, so a crash leaves nothing that names what is gone.
Leaves to others: which refs are kept (they are derived from records), and downloads under way, which only
recover.py may judge.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from gi.repository import OSTree

from appctld.errors import Failed
from appctld.model.jsonvalue import Json, JsonObject, get_bool, get_str, get_strings
from appctld.workers.protocol import Report
from appctld.workers.store import disk, kept_blobs, names
from appctld.workers.store.ostree.closure import closure
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.receive import sweep
from appctld.workers.store.tarsplit import kept

_BLOB = re.compile(r"[0-9a-f]{64}|\.unverified-.+")
_OBJECT = re.compile(r"([0-9a-f]{62})\.([a-z]+)")
_KINDS = {kind.suffix: kind for kind in Kind}
_SHARD = re.compile(r"[0-9a-f]{2}")


def prune(request: JsonObject, _report: Report) -> JsonObject:
    """`{"repo", "blobs", "kept", "tar_split", "keep_refs", "keep_blobs", "dry_run"}`; it waits for nobody.

    -> `{"freed_bytes", "objects", "refs"}`; `refs` are those that were dropped. `keep_blobs`: some job
    downloads, so what lies among the blobs may be its. `dry_run` tells what would go. Raises Busy at once
    while something is imported, deployed or audited, RepoCorrupt.
    """
    repository = Repository.open(Path(get_str(request, "repo")))
    keep = set(map(names.check_ref, get_strings(request, "keep_refs")))
    dry_run = get_bool(request, "dry_run")
    with repository.exclusive(wait=False), translated("pruning"):
        stale = stale_refs(repository, keep)
        if dry_run:
            objects, freed = _unneeded(repository, keep)
        else:
            repository.drop_refs(stale)
            objects, freed = _prune(repository)
        left = repository.refs().keys() - set(stale)
        freed += kept.sweep(Path(get_str(request, "tar_split")), left, remove=not dry_run)
        freed += kept_blobs.sweep(Path(get_str(request, "kept")), left, remove=not dry_run)
        if not get_bool(request, "keep_blobs"):
            freed += sweep(Path(get_str(request, "blobs")), _is_blob, remove=not dry_run)
    return {"freed_bytes": freed, "objects": objects, "refs": list[Json](stale)}


def quiet(request: JsonObject, _report: Report) -> JsonObject:
    """`{"repo", "wait"}` -> `{}` where a prune would find nobody in its way.

    Raises Busy, with `wait` after LOCK_SECONDS.
    """
    with Repository.open(Path(get_str(request, "repo"))).exclusive(wait=get_bool(request, "wait")):
        return {}


def stale_refs(repository: Repository, keep: set[str]) -> list[str]:
    """Our refs that nobody wants; refs of other forms are not ours to drop."""
    return sorted(ref for ref in repository.refs() if _is_ours(ref) and ref not in keep)


def _is_ours(ref: str) -> bool:
    try:
        names.check_ref(ref)
    except Failed:
        return False
    return True


def _is_blob(name: str) -> bool:
    """Whether it was never imported, or never came to its end, or was not cleared away."""
    return _BLOB.fullmatch(name) is not None


def _prune(repository: Repository) -> tuple[int, int]:
    commits = _drop_commits(repository)
    # Depth 0: what a ref names, not what came before it; a publisher's commits name their parents
    _, _, objects, size = repository.library.prune(OSTree.RepoPruneFlags.REFS_ONLY, 0, None)
    return objects + len(commits), size + sum(commits)


def _drop_commits(repository: Repository) -> list[int]:
    """Before anything that they need: were we killed in between, fsck would find a commit without its trees.

    Their sizes in bytes.
    """
    named, sizes = set(repository.refs().values()), []
    for kind, name, size in _loose_objects(repository, {Kind.COMMIT.suffix: Kind.COMMIT}):
        if name not in named:
            repository.library.delete_object(kind.library, name, None)
            sizes.append(size)
    return sizes


def _unneeded(repository: Repository, keep: set[str]) -> tuple[int, int]:
    """(objects, bytes) that a prune would remove once only `keep` and what is not ours is left."""
    left = [commit for ref, commit in repository.refs().items() if ref in keep or not _is_ours(ref)]
    needed = closure(repository, left).objects
    gone = [size for kind, name, size in _loose_objects(repository, _KINDS) if name not in needed[kind]]
    return len(gone), sum(gone)


def _loose_objects(repository: Repository, kinds: Mapping[str, Kind]) -> Iterator[tuple[Kind, str, int]]:
    with disk.opened("objects", repository.directory) as objects:
        for shard in filter(_SHARD.fullmatch, disk.entries(objects)):
            with disk.opened(shard, objects) as directory:
                for entry in disk.entries(directory):
                    if (found := _OBJECT.fullmatch(entry)) and found[2] in kinds:
                        size = os.stat(entry, dir_fd=directory, follow_symlinks=False).st_size
                        yield kinds[found[2]], shard + found[1], size
