# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What runs: a file $XDG_RUNTIME_DIR/appctl/PID.json for each app that the caller started, while it lives.

Guarantees: whoever is listed runs: its file is locked by the process that waits for it, however that ends. A
process is signalled through a descriptor of its own, so that no other one that got its number is ever meant.
Without a runtime directory nobody can look.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appctl.running.deployments.deployment import Deployment
from appctl.running.desktop import portals
from appctl.talk.wire import Json, get_int, get_str

FILE_BYTES = 64 << 10  # such a file has some 300; whatever is in that directory is the caller's own


@dataclass(frozen=True)
class Instance:
    """One app that runs. `pid` is that of `appctl run`, which ends with the app."""

    path: Path
    pid: int
    id: str
    version: str
    scope: str
    deployment: str
    started: int

    def to_json(self) -> Json:
        """As it stands in the output of --json."""
        return {
            "pid": self.pid, "id": self.id, "version": self.version, "scope": self.scope,
            "deployment": self.deployment, "started": self.started,
        }  # fmt: skip

    def stop(self, patience: float) -> bool:
        """Ask it to end; whether it did, within so many seconds. One that has ended already did."""
        try:
            process = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not _is_locked(self.path):
                return True  # that number may be another's by now
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGTERM)
            return bool(select.select([process], [], [], patience)[0])
        finally:
            os.close(process)


@contextlib.contextmanager
def registered(deployment: Deployment, runtime: Path | None) -> Iterator[None]:
    """Say what runs, while it runs."""
    if runtime is None or not runtime.is_dir():
        yield
        return
    directory = runtime / "appctl"
    directory.mkdir(mode=0o700, exist_ok=True)
    path, draft = directory / f"{os.getpid()}.json", directory / f".{os.getpid()}.tmp"
    content = {
        "pid": os.getpid(),
        "id": deployment.run.id,
        "version": deployment.run.version,
        "scope": deployment.scope.value,
        "deployment": str(deployment.path),
        "started": int(time.time()),
    }
    with draft.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(content))
        file.flush()
        draft.rename(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def running(runtime: Path | None) -> list[Instance]:
    """Return what runs, the longest first. What a kill left of others is removed."""
    if runtime is None or not (runtime / "appctl").is_dir():
        return []
    found: list[Instance] = []
    for path in (runtime / "appctl").glob("[0-9]*.json"):
        if not _is_locked(path):
            path.unlink(missing_ok=True)
            portals.forget(runtime, path.stem)
        elif (instance := _read(path)) is not None:
            found.append(instance)
    return sorted(found, key=lambda instance: (instance.started, instance.pid))


def _is_locked(path: Path) -> bool:
    """Whether somebody waits for that app."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _read(path: Path) -> Instance | None:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or str(get_int(content, "pid")) != path.stem:
        return None
    texts = {name: get_str(content, name) for name in ("id", "version", "scope", "deployment")}
    return Instance(path, get_int(content, "pid"), **texts, started=get_int(content, "started"))
