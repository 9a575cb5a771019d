# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `recover`: at the daemon's start, remove what a crash left behind (R11).

Guarantees: what `current` names is never touched; what has no `current` was never installed, or is no longer.
It runs alone: the daemon holds the state directory's lock, which its workers inherit. Leaves to others: what
to say about a record whose ref is missing (RepoCorrupt), and objects that no ref needs (prune.py).
"""

import contextlib
import errno
import os
from pathlib import Path

from appctld.errors import InUse
from appctld.model.jsonvalue import Json, JsonError, JsonObject, get_bool, get_str, get_strings
from appctld.workers.protocol import Report
from appctld.workers.store import disk, kept_blobs, kernel, names
from appctld.workers.store.catalog.store import shelf_of
from appctld.workers.store.deploy import FILES, RECORD, UNCOMMITTED, not_running
from appctld.workers.store.farm.collect import Desktop
from appctld.workers.store.farm.deployment import renew
from appctld.workers.store.farm.links import Farm
from appctld.workers.store.native.discard import clear
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.staging import is_staging
from appctld.workers.store.ostree.staging import sweep as sweep_staging
from appctld.workers.store.prune import stale_refs
from appctld.workers.store.receive import UNVERIFIED, sweep
from appctld.workers.store.tarsplit import kept

_REASON = 300  # characters; a name in it may be anybody's
TOLD = 1000  # refs of each kind in an answer, of 400 bytes at most: it is a line of at most 1 MiB

_KEPT_IN_TMP = {"cache"}  # libostree's own, empty here


def recover(request: JsonObject, _report: Report) -> JsonObject:
    """Clear away, and tell what is missing -> `{"missing_refs", "dropped", "exports"}`.

    `{"repo", "blobs", "kept", "tar_split", "apps", "exports", "quarantine", "catalogs", "swcatalog",
    "keep_refs", "keep_all", "desktop"}`; `missing_refs` are those of `keep_refs` that name no commit here:
    their records are RepoCorrupt. Of both as many are told as an answer holds; who asks again without the
    ones that are missing hears of the next. With `keep_all` no ref is dropped: some record cannot be read,
    and who knows what it needs. `exports`, if it is there, says why desktops do not see all of what is
    installed.
    """
    repository = Repository.open(Path(get_str(request, "repo")))
    apps = Path(get_str(request, "apps"))
    wanted = set(map(names.check_ref, get_strings(request, "keep_refs")))
    with repository.exclusive(), translated("recovering"):
        sweep(Path(get_str(request, "blobs")), _is_unverified, remove=True)
        clear(Path(get_str(request, "quarantine")))
        _clear_temporary(repository)
        _clear_apps(apps)
        shelf_of(request).sweep()
        unseen = _settle(repository, apps, request)
        keep = {ref for ref in wanted if _has_deployment(ref, apps)}
        dropped = [] if get_bool(request, "keep_all") else stale_refs(repository, keep)
        repository.drop_refs(dropped)
        refs = repository.refs().keys()
        kept.sweep(Path(get_str(request, "tar_split")), refs, remove=True)
        kept_blobs.sweep(Path(get_str(request, "kept")), refs, remove=True)
        there = {ref for ref, commit in repository.refs().items() if repository.stat(Kind.COMMIT, commit)}
    missing = sorted(keep - there)
    told = list[Json](missing[:TOLD])
    answer: JsonObject = {"missing_refs": told, "dropped": list[Json](dropped[:TOLD])}
    return answer | {"exports": unseen} if unseen else answer


def _settle(repository: Repository, apps: Path, request: JsonObject) -> str:
    """Exports as this daemon makes them, and the links to them; what went wrong, which fails no start.

    Who has no room left must be able to start us and uninstall something.
    """
    desktop, farm = Desktop.parse(request), Farm.parse(request)
    with contextlib.suppress(FileNotFoundError), disk.opened(apps) as above:
        for app_id in filter(names.is_id, disk.entries(above)):
            with disk.opened(app_id, above) as app:
                for name in disk.entries(app):
                    if names.is_deployment(name):
                        renew(repository, app_id, name, app, desktop)
    try:
        with contextlib.suppress(FileNotFoundError), disk.opened(farm.exports) as exports:
            disk.sweep(exports)
        farm.settle()
    except OSError as error:
        return f"{error.strerror}: {error.filename!r}"[:_REASON]
    return ""


def _is_unverified(name: str) -> bool:
    """Whether nobody hashed it to the end; whole blobs stay, so that an install resumes."""
    return name.startswith(UNVERIFIED)


def _clear_temporary(repository: Repository) -> None:
    """Nobody writes now (exclusive lock), so all of it is left over: ours, and libostree's transactions.

    A staging directory that somebody holds all the same is left.
    """
    with disk.opened("tmp", repository.directory) as directory:
        sweep_staging(directory)
        for name in disk.entries(directory):
            if name not in _KEPT_IN_TMP and not is_staging(name):
                disk.remove_tree(name, directory)


def _clear_apps(apps: Path) -> None:
    if not apps.is_dir():
        return
    with disk.opened(apps) as above:
        for app_id in disk.entries(above):
            if names.is_id(app_id):
                with disk.opened(app_id, above) as app:
                    _clear_app(app, app_id)
                with contextlib.suppress(OSError):
                    os.rmdir(app_id, dir_fd=above)  # only if nothing is left in it


def _clear_app(app: int, app_id: str) -> None:
    current = disk.current(app)
    for name in disk.entries(app):
        if name.startswith(disk.STAGING):
            disk.remove_tree(name, app)
        elif name == current:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{name}/{UNCOMMITTED}", dir_fd=app)
        elif name != disk.CURRENT and not (current and _is_kept(app, name)):
            # A client that outlived the crash may still run from it; the next start tries again
            with contextlib.suppress(InUse), not_running(app, app_id, name):
                disk.remove_tree(name, app)


def _is_kept(app: int, name: str) -> bool:
    """Whether a deployment was current once, and is whole, or cannot be looked at just now."""
    try:
        with disk.opened(name, app) as directory, disk.opened(FILES, directory):
            disk.read_json(RECORD, directory)
            return not disk.exists(UNCOMMITTED, directory)
    except OSError as error:
        return error.errno in kernel.OURS or error.errno == errno.EIO
    except JsonError:
        return False


def _has_deployment(ref: str, apps: Path) -> bool:
    """Whether an app's ref still has its deployment; a layer's or a commit's stands for itself."""
    _, kind, _, *rest = ref.split("/")
    return kind != "app" or apps.joinpath(*rest).is_dir()
