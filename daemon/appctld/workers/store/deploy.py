# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operations that change what is current: `deploy`, `activate`, `remove`.

Guarantees: the rename (or removal) of `current` is the only commit point, and everything it names is durable
before it (R10); a failure before it leaves nothing behind, a kill leaves what recover.py cleans (R11); a
deployment's directories are 0755 and its files 0444 or 0555 (R12); the checkout goes into a directory that is
new, never over another. Leaves to others: which deployments are kept, and what the records say.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from appctld.errors import Conflict, Failed, InUse, NotFound, RepoCorrupt
from appctld.model.jsonvalue import Json, JsonError, JsonObject, get_int, get_object, get_str, get_strings
from appctld.workers.protocol import Report
from appctld.workers.store import disk, kernel, names, recent
from appctld.workers.store.checkout import inventory, symlinks
from appctld.workers.store.farm.collect import EXPORTS, Content, Exports
from appctld.workers.store.farm.deployment import exports_of
from appctld.workers.store.farm.links import Farm
from appctld.workers.store.linking import Checkout
from appctld.workers.store.ostree.closure import check_content, closure, size_of
from appctld.workers.store.ostree.failures import translated
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.space import Room

FILES, RECORD, RUN = "files", "record.json", "run.json"

INSTALLED_SIZE = "installed_size"  # in record.json: bytes of objects, and of what a deployment has for itself
CONTENT_SIZE = "content_size"  # in record.json: bytes of objects alone, which a rollback compares

_ANY_SIZE = 1 << 63  # stands for a size that is not known yet, and is no shorter

UNCOMMITTED = ".uncommitted"
"""In a deployment that was finished and never current; without it a crash in between would leave what looks
like a version that is kept for a rollback."""


@dataclass(frozen=True)
class Target:
    """Which deployment of which app, every name checked."""

    apps: Path
    id: str
    deployment: str
    commit: str

    @classmethod
    def parse(cls, request: JsonObject) -> Self:
        """From a request's `apps`, `id`, `deployment`, `commit`; Failed if they do not belong together."""
        commit = names.check_checksum(get_str(request, "commit"))
        deployment = names.check_deployment(get_str(request, "deployment"))
        if not commit.startswith(deployment.partition(".")[0]):
            raise Failed(f"deployment {deployment} is not named after commit {commit}")
        return cls(Path(get_str(request, "apps")), names.check_id(get_str(request, "id")), deployment, commit)

    @property
    def files(self) -> str:
        """The directory with the app's files, absolute."""
        return str(self.apps / self.id / self.deployment / FILES)


def deploy(request: JsonObject, _report: Report) -> JsonObject:
    """Check out a commit and make it current -> `{"path", "installed_size", "refused"}`.

    `{"repo", "commit", "apps", "exports", "id", "deployment", "ref", "record", "run", "provenance",
    "desktop"}`. `path` is the directory with the files; `refused` says what desktops do not get to see.

    Raises Conflict (it is there already, or the host has what it would export), RepoCorrupt (an object is
    not what it was), LimitExceeded, NoSpace.
    """
    target = Target.parse(request)
    ref = names.check_app_ref(get_str(request, "ref"))
    if ref.split("/")[3:] != [target.id, target.deployment]:
        raise Failed(f"ref {ref} is not that of {target.id} {target.deployment}")
    record, run = get_object(request, "record"), get_object(request, "run")
    repository = Repository.open(Path(get_str(request, "repo")))
    with repository.shared(), translated(f"deploying {target.id}"):
        merged = get_int(record, "installed_size") if "installed_size" in record else None
        tree = inventory(repository, target.commit, recent.take(target.commit))
        content = check_content(repository, tree.names, merged)
        links = symlinks(repository, content)
        record = {**record, CONTENT_SIZE: size_of(content.values()), INSTALLED_SIZE: _ANY_SIZE}
        provenance = get_object(request, "provenance")
        seen = Content(repository.directory, tree.trees, content, links)
        exports = exports_of(request, target.id, run, tree.root, seen)
        records = {UNCOMMITTED: {}, RECORD: record, RUN: run, disk.PROVENANCE: provenance}
        if exports is not None:
            records[EXPORTS] = exports.to_json()
        # One that is too large is refused now, before anything is written
        own = sum(len(disk.encode(name, value)) for name, value in records.items())
        own += exports.cost if exports else 0
        Room(repository.free_space).take(tree.cost(content, links) + own)
        farm = Farm.parse(request)
        files = Checkout(repository.directory, tree.trees, content, links)
        with _app_directory(target, create=True) as app:
            if disk.exists(target.deployment, app):
                raise Conflict(f"{target.id} has a deployment {target.deployment}", id=target.id)
            with _undone_on_failure(repository, target, ref, app, farm):
                disk.sync(repository.directory)
                repository.write_ref(ref, target.commit)
                check_out = partial(_check_out, files, tree.root, exports)
                installed = _deploy(target, check_out, records, app, farm)
    refused: list[Json] = [f"{path}: {reason}" for path, reason in exports.refused] if exports else []
    return {"path": target.files, INSTALLED_SIZE: installed, "refused": refused}


def _deploy(
    target: Target, check_out: Callable[[int], int], records: dict[str, JsonObject], app: int, farm: Farm
) -> int:
    """The rest of R10, one line a step; the installed size."""
    staging = disk.staging_name()
    disk.make_directory(staging, app)
    with disk.opened(staging, app) as directory:
        installed = get_int(records[RECORD], CONTENT_SIZE) + check_out(directory)
        records = {**records, RECORD: {**records[RECORD], INSTALLED_SIZE: installed}}
        for name, value in records.items():
            disk.write_json(name, value, directory)
    os.rename(staging, target.deployment, src_dir_fd=app, dst_dir_fd=app)
    _make_current(target, app, farm)
    return installed


def _make_current(target: Target, app: int, farm: Farm) -> None:
    """The commit point. What was and what is current carry no mark, which a kill in between may have left.

    Else the next start would take the one that was for one that never was.
    """
    farm.announce(target.id, target.deployment)
    disk.sync(app)
    before = disk.current(app)
    if before is not None:
        _unmark(before, app)
    disk.point(target.deployment, app)
    with contextlib.suppress(OSError):  # it is current; recover.py does the same
        _unmark(target.deployment, app)
    with contextlib.suppress(OSError):
        farm.settle()


def _unmark(deployment: str, app: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{deployment}/{UNCOMMITTED}", dir_fd=app)


def _check_out(checkout: Checkout, root: str, exports: Exports | None, within: int) -> int:
    """Into `files`, with the exports beside them; bytes that both take beside the objects."""
    checkout.make(FILES, root, within)
    return checkout.own + (exports.write(within) if exports else 0)


@contextlib.contextmanager
def _undone_on_failure(
    repository: Repository, target: Target, ref: str, app: int, farm: Farm
) -> Iterator[None]:
    """Take back everything, unless `current` has moved: from then on the deployment counts."""
    before = set(disk.entries(app))
    try:
        yield
    except BaseException:
        if disk.current(app) != target.deployment:
            for name in set(disk.entries(app)) - before:
                disk.remove_tree(name, app)
            repository.drop_ref(ref)
            with contextlib.suppress(OSError):
                farm.settle()
            with contextlib.suppress(OSError):
                (target.apps / target.id).rmdir()  # only an app that was new is empty
        raise


def activate(request: JsonObject, _report: Report) -> JsonObject:
    """Make a deployment that is kept here current (rollback) -> `{"path"}`.

    `{"repo", "apps", "exports", "id", "deployment", "commit"}`.

    Raises NotFound (it is not kept), RepoCorrupt.
    """
    target = Target.parse(request)
    repository = Repository.open(Path(get_str(request, "repo")))
    with repository.shared(), translated(f"activating {target.id}"), _app_directory(target) as app:
        size = _recorded_size(target, app)
        check_content(repository, closure(repository, [target.commit]).files, size)
        _make_current(target, app, Farm.parse(request))
    return {"path": target.files}


def _recorded_size(target: Target, app: int) -> int:
    """What record.json says, after a look at whether it is about this commit."""
    if not disk.exists(target.deployment, app):
        raise NotFound(f"{target.id} has no deployment {target.deployment}", id=target.id)
    try:
        with disk.opened(target.deployment, app) as directory, disk.opened(FILES, directory):
            record = disk.read_json(RECORD, directory)
            commit, size = get_str(record, "commit"), get_int(record, CONTENT_SIZE)
    except OSError as error:
        raise kernel.leaf(error, f"deployment {target.deployment} of {target.id}", RepoCorrupt) from error
    except JsonError as error:
        raise RepoCorrupt(f"deployment {target.deployment} of {target.id} is not whole") from error
    if commit != target.commit:
        raise RepoCorrupt(f"deployment {target.deployment} of {target.id} is of another commit")
    return size


def remove(request: JsonObject, _report: Report) -> JsonObject:
    """Remove deployments of an app, or (`deployments` null) the app -> `{"removed": [deployment…]}`.

    `{"repo", "apps", "exports", "id", "deployments", "refs"}`. Raises InUse if one of them runs and Conflict
    if one of several is current, both before anything changes. What is gone already is no error.
    """
    app_id = names.check_id(get_str(request, "id"))
    whole = request["deployments"] is None
    wanted = [] if whole else list(map(names.check_deployment, get_strings(request, "deployments")))
    refs = [_own_ref(ref, app_id) for ref in get_strings(request, "refs")]
    repository = Repository.open(Path(get_str(request, "repo")))
    apps = Path(get_str(request, "apps"))
    removed: list[Json] = []
    with translated(f"removing {app_id}"), contextlib.suppress(FileNotFoundError), disk.opened(apps) as above:
        with disk.opened(app_id, above) as app:
            removed += _remove(app, app_id, None if whole else wanted)
        if whole:
            os.rmdir(app_id, dir_fd=above)
            os.fsync(above)
            Farm.parse(request).settle()
    repository.drop_refs(refs)
    return {"removed": removed}


def _remove(app: int, app_id: str, wanted: list[str] | None) -> list[str]:
    there = disk.entries(app)
    current = disk.current(app)
    doomed = [name for name in there if name != disk.CURRENT] if wanted is None else wanted
    doomed = [name for name in doomed if name in there]
    if wanted is not None and current in doomed:
        raise Conflict(f"{current} is the current deployment of {app_id}", id=app_id)
    with contextlib.ExitStack() as locks:
        for name in doomed:
            locks.enter_context(not_running(app, app_id, name))
        if wanted is None and current is not None:
            os.unlink(disk.CURRENT, dir_fd=app)  # the commit point
            os.fsync(app)
        for name in doomed:
            disk.remove_tree(name, app)
        os.fsync(app)
    return [name for name in doomed if not name.startswith(disk.STAGING)]


@contextlib.contextmanager
def not_running(app: int, app_id: str, deployment: str) -> Iterator[None]:
    """Hold the lock that a running app holds shared, so that none starts meanwhile; InUse if one runs."""
    try:
        path = f"{deployment}/{RUN}"
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=app)
    except FileNotFoundError:
        yield  # nothing can run from it
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise InUse(f"{app_id} {deployment} is running", id=app_id, deployment=deployment) from error
    finally:
        os.close(lock)


def _own_ref(ref: str, app_id: str) -> str:
    """A ref to drop: a layer's, or one of this very app."""
    names.check_ref(ref)
    kind, owner = ref.split("/")[1], ref.split("/")[3]
    if kind == "app" and owner != app_id:
        raise Failed(f"ref {ref} is not one of {app_id}")
    return ref


@contextlib.contextmanager
def _app_directory(target: Target, *, create: bool = False) -> Iterator[int]:
    if create:
        target.apps.mkdir(mode=0o755, parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            apps = stack.enter_context(disk.opened(target.apps))
            if create:
                disk.make_directory(target.id, apps)
            app = stack.enter_context(disk.opened(target.id, apps))
        except FileNotFoundError as error:
            raise NotFound(f"{target.id} is not here", id=target.id) from error
        yield app
