# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The deployment that `run` starts: found below a scope's state directory, locked, its run.json read.

Guarantees: names are checked before they become paths; the shared lock is held on the run.json that was read,
and the deployment was there when it was taken (whoever removes one takes the lock exclusively first); it is
never waited for long, as everybody who can read the file can take it; a
run.json that this version does not understand whole is refused. The daemon is not asked.
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appctl.failure import Failure, usage
from appctl.references import means
from appctl.running.failed import failed
from appctl.scope import Places, Scope
from appctl.talk.wire import Json, JsonValue, get_str
from appctl.terminal.show import escape

FORMAT = 1
RUN_FILE_BYTES = 1 << 20  # the image's config, from which it is made, is not larger
_TRIES = 5  # each try that fails met a deployment just being replaced
_PAUSE = 0.1  # seconds; a removal holds the lock while it looks and renames
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*){2,}")
_ID_LENGTH = 255
_DEPLOYMENT = re.compile(r"[0-9a-f]{12}\.[0-9]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_MEMBERS = {"format", "id", "version", "entrypoint", "cmd", "env", "cwd", "runtime", "permissions"}

Permission = tuple[str, str, str]


@dataclass(frozen=True)
class RunFile:
    """What run.json says: the image's command, environment and directory, and what was granted.

    `runtime` is what the app would need below it; this version has none.
    """

    id: str
    version: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    permissions: tuple[Permission, ...]
    runtime: str = ""

    def command(self, arguments: list[str], instead: str | None) -> list[str]:
        """Return the argv: entrypoint with the arguments (or cmd), or `instead` with the arguments."""
        if instead is not None:
            return [instead, *arguments]
        if self.entrypoint:
            return [*self.entrypoint, *(arguments or self.cmd)]
        return [*self.cmd, *arguments]


@dataclass(frozen=True)
class Deployment:
    """One deployment, its lock held as long as the descriptor `lock` is open."""

    scope: Scope
    path: Path
    run: RunFile
    lock: int

    @property
    def files(self) -> Path:
        """The directory with the app's files."""
        return self.path / "files"


def find(places: Places, scopes: tuple[Scope, ...], name: str) -> Deployment:
    """Find the app that a name means in the first of the scopes that has it. Raises Failure."""
    for scope in scopes:
        apps = places.state(scope) / "apps"
        ids = _matching(apps, name)
        if len(ids) > 1:
            raise usage(f"{name} could be {', '.join(ids)}", "give the whole ID")
        if ids and (found := _lock_current(scope, apps / ids[0])):
            return found
    raise failed(f"{name} is not installed", "appctl list")


def installed_commit(places: Places, scopes: tuple[Scope, ...], name: str) -> tuple[Scope, str]:
    """Find the commit of the app that a name means, in the first scope that has it. Raises Failure."""
    for scope in scopes:
        apps = places.state(scope) / "apps"
        ids = _matching(apps, name)
        if len(ids) > 1:
            raise usage(f"{name} could be {', '.join(ids)}", "give the whole ID")
        if ids and (commit := _recorded(apps / ids[0], "commit")):
            return scope, commit
    raise Failure("NotInstalled", f"{name} is not installed", "appctl list")


def _matching(apps: Path, name: str) -> list[str]:
    """Return the IDs that a name means: a whole one, one of a reference, else those with that last part."""
    if is_id(name):
        return [name] if os.path.lexists(apps / name / "current") else []
    try:
        ids = sorted(item.name for item in apps.iterdir() if is_id(item.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise failed(f"{apps} cannot be read: {error.strerror}") from error
    there = [item for item in ids if os.path.lexists(apps / item / "current")]
    if "/" in name:
        return [item for item in there if means(name, _recorded(apps / item, "reference"))]
    return [item for item in there if item.rpartition(".")[2].lower() == name.lower()]


def is_id(text: str) -> bool:
    """Whether a text is an application ID (docs/rules.md, "Names")."""
    return len(text) <= _ID_LENGTH and _ID.fullmatch(text) is not None


def _recorded(app: Path, member: str) -> str:
    """Return what an app's record says; of a record that cannot be read, nothing."""
    try:
        return get_str(_object((app / "current/record.json").read_bytes()), member)
    except (OSError, ValueError):
        return ""


def _lock_current(scope: Scope, app: Path) -> Deployment | None:
    """Lock what is current; None when the app is gone. Raises Failure."""
    for _ in range(_TRIES):
        try:
            target = str((app / "current").readlink())
            if not _DEPLOYMENT.fullmatch(target):
                raise failed(f"{app / 'current'} leads to no deployment")
            lock = os.open(app / target / "run.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            if not os.path.lexists(app / "current"):
                return None
            continue
        except OSError as error:
            raise failed(f"{app} cannot be read: {error.strerror}") from error
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
        run = parse(os.pread(descriptor, RUN_FILE_BYTES + 1, 0), app)
    except (ValueError, TypeError, RecursionError) as error:
        raise failed(
            f"the run.json of {app} is not understood: {error}", "appctl install --reinstall"
        ) from error
    if run.runtime:
        raise failed(f"{app} needs the runtime {escape(run.runtime)}, and this version has none")
    return run


def parse(data: bytes, app: str) -> RunFile:
    """Read the content of a run.json, which must be that of `app`. Raises ValueError."""
    if len(data) > RUN_FILE_BYTES:
        raise ValueError("it is too large")
    content = _object(data)
    if content.get("format") != FORMAT or content.get("id") != app:
        raise ValueError("another format, or another app's")
    if unknown := content.keys() - _MEMBERS:
        raise ValueError(f"it says more than this version knows: {min(unknown)[:40]!r}")
    cwd = _text(content.get("cwd", "/"))
    if not cwd.startswith("/"):
        raise ValueError("cwd is not absolute")
    return RunFile(
        id=app,
        version=_text(content.get("version", "")),
        entrypoint=tuple(_texts(content.get("entrypoint", []))),
        cmd=tuple(_texts(content.get("cmd", []))),
        env=dict(_variables(content.get("env", {}))),
        cwd=cwd,
        runtime=_text(content.get("runtime", "")),
        permissions=tuple(_permissions(content.get("permissions", []))),
    )


def _object(data: bytes) -> Json:
    content = json.loads(data)
    if not isinstance(content, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - whatever is wrong with a file is a ValueError
    return content


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("something else than a text")
    return value


def _texts(value: JsonValue) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("something else than a list")  # noqa: TRY004 - as above
    return [_text(item) for item in value]


def _variables(value: JsonValue) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        raise ValueError("env is no object")  # noqa: TRY004 - as above
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError("env has a name that is none")
        yield name, _text(text)


def _permissions(value: JsonValue) -> Iterator[Permission]:
    if not isinstance(value, list):
        raise ValueError("permissions is no list")  # noqa: TRY004 - as above
    for item in value:
        kind, text, risk = _texts(item)
        yield kind, text, risk


def close(deployment: Deployment) -> None:
    """Give the lock back."""
    os.close(deployment.lock)
