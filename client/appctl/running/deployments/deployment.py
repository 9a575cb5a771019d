# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The deployment that `run` starts: found below a scope's state directory, locked, its run.json read.

Guarantees: names are checked before they become paths; the shared lock is held on the run.json that was read,
and the deployment was there when it was taken (whoever removes one takes the lock exclusively first); it is
never waited for long, as everybody who can read the file can take it. The daemon is not asked.
"""

import fcntl
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from appctl.failure import UNREADABLE, Failure, usage
from appctl.places import Places
from appctl.references import endings, means, names_a_remote
from appctl.running.deployments.runfile import RUN_FILE_BYTES, RunFile, is_id, json_object, parse
from appctl.running.failed import failed
from appctl.scope import Scope
from appctl.talk.wire import Json, get_str

_TRIES = 5  # each try that fails met a deployment just being replaced
_PAUSE = 0.1  # seconds; a removal holds the lock while it looks and renames
_DEPLOYMENT = re.compile(r"[0-9a-f]{12}\.[0-9]+")


@dataclass(frozen=True)
class Deployment:
    """One deployment, its lock held as long as the descriptor `lock` is open."""

    scope: Scope
    path: Path
    run: RunFile
    lock: int

    @property
    def files(self) -> Path:
        """The root of the deployed tree."""
        return self.path / "files"


def find(places: Places, scopes: tuple[Scope, ...], name: str) -> Deployment:
    """Find the app that a name means in the first of the scopes that has it. Raises Failure."""
    for scope in scopes:
        ids = _matching(places, scope, name)
        if len(ids) > 1:
            raise usage(f"{name} could be {', '.join(ids)}", "give the whole ID")
        if ids and (found := current(places, scope, ids[0])):
            return found
    raise failed(f"{name} is not installed", "appctl list")


def installed_commit(places: Places, scopes: tuple[Scope, ...], name: str) -> tuple[Scope, str]:
    """Find the commit of the app that a name means, in the first scope that has it. Raises Failure."""
    scope, record = installed_record(places, scopes, name)
    return scope, get_str(record, "commit")


def installed_record(places: Places, scopes: tuple[Scope, ...], name: str) -> tuple[Scope, Json]:
    """Find the record of the app that a name means, in the first scope that has it. Raises Failure."""
    for scope in scopes:
        ids = _matching(places, scope, name)
        if len(ids) > 1:
            raise usage(f"{name} could be {', '.join(ids)}", "give the whole ID")
        if not ids:
            continue
        record = record_of(places.state(scope) / "apps" / ids[0] / "current")
        if get_str(record, "id") == ids[0]:
            return scope, record
    raise Failure("NotInstalled", f"{name} is not installed", "appctl list")


def current(places: Places, scope: Scope, name: str) -> Deployment | None:
    """Lock what is current of an ID; None when it is not installed in that scope. Raises Failure."""
    return _lock_current(scope, places.state(scope) / "apps" / name) if is_id(name) else None


def installed(places: Places, scope: Scope) -> list[str]:
    """Return the IDs that are there in a scope. Raises Failure."""
    apps = places.state(scope) / "apps"
    try:
        ids = sorted(item.name for item in apps.iterdir() if is_id(item.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise failed(f"{apps} cannot be read: {error.strerror}", UNREADABLE) from error
    return [item for item in ids if os.path.lexists(apps / item / "current")]


def _matching(places: Places, scope: Scope, name: str) -> list[str]:
    """Return the IDs that a name means: a whole one, one of a reference, else those with that last part."""
    apps = places.state(scope) / "apps"
    if is_id(name):
        return [name] if os.path.lexists(apps / name / "current") else []
    there = installed(places, scope)
    if "/" in name:
        return [item for item in there if _is_named(record_of(apps / item / "current"), name)]
    return [item for item in there if item.rpartition(".")[2].lower() == name.lower()]


def recorded(deployment: Path, name: str) -> str:
    """Return a text of a deployment's record; one that cannot be read has none."""
    return get_str(record_of(deployment), name)


def record_of(deployment: Path) -> Json:
    """Return a deployment's record; of one that cannot be read, nothing."""
    try:
        return json_object((deployment / "record.json").read_bytes())
    except (OSError, ValueError):
        return {}


def _is_named(record: Json, name: str) -> bool:
    """Whether a name with a slash means that app: by its reference, or as `REMOTE/REST`."""
    reference = get_str(record, "reference")
    if not names_a_remote(name):
        return means(name, reference)
    remote, _, rest = name.partition("/")
    return remote == get_str(record, "remote") and f"/{rest}" in endings(reference)


def _lock_current(scope: Scope, app: Path) -> Deployment | None:
    """Lock what is current; None when the app is gone. Raises Failure."""
    for _ in range(_TRIES):
        try:
            target = str((app / "current").readlink())
            if not _DEPLOYMENT.fullmatch(target):
                raise failed(f"{app / 'current'} leads to no deployment", "appctl verify")
            lock = os.open(app / target / "run.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            if not os.path.lexists(app / "current"):
                return None
            continue
        except OSError as error:
            raise failed(f"{app} cannot be read: {error.strerror}", UNREADABLE) from error
        if not _lock(lock):
            os.close(lock)
            raise failed(f"the run.json of {app.name} is locked by somebody", f"lslocks | grep {app.name}")
        if os.fstat(lock).st_nlink:
            return Deployment(scope, app / target, _read(lock, app.name), lock)
        os.close(lock)
    raise failed(f"{app.name} is being replaced all the time", "try again")


def _lock(descriptor: int) -> bool:
    """Share the lock. A removal holds it alone for a moment; somebody else may for ever."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return True
    return False


def _read(descriptor: int, app: str) -> RunFile:
    """Read a run.json. Raises Failure."""
    try:
        return parse(os.pread(descriptor, RUN_FILE_BYTES + 1, 0), app)
    except (ValueError, TypeError, RecursionError) as error:
        raise failed(f"the run.json of {app} is not understood: {error}", "appctl repair") from error


def close(deployment: Deployment) -> None:
    """Give the lock back."""
    os.close(deployment.lock)
