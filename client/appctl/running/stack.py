# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app and what it stands on: its runtime and the extensions of both, each locked while the app lives.

Guarantees: all of them are of the app's scope, so that nobody's own runtime gets below an app of the
machine's. An extension comes from the remote of what it extends, or is left out and named: no publisher puts
files into the app of another. That a runtime is another publisher's is said; who installed it, chose it.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from appctl.running import deployment as deployments
from appctl.running.deployment import Deployment, recorded
from appctl.running.failed import failed
from appctl.running.runfile import Extension
from appctl.scope import Places


@dataclass(frozen=True)
class Mounted:
    """An extension that is installed, and where it belongs."""

    point: Extension
    deployment: Deployment


@dataclass(frozen=True)
class Stack:
    """`notes` are for the caller to read: what was left out, or comes from somebody else."""

    app: Deployment
    runtime: Deployment | None = None
    extensions: tuple[Mounted, ...] = ()
    notes: tuple[str, ...] = ()

    def close(self) -> None:
        """Give all locks back."""
        for part in (self.app, self.runtime, *(mounted.deployment for mounted in self.extensions)):
            if part is not None:
                deployments.close(part)


def assemble(app: Deployment, places: Places) -> Stack:
    """Find and lock what an app stands on; its own lock is the stack's from now on. Raises Failure."""
    with ExitStack() as undo:
        undo.callback(deployments.close, app)
        if app.run.kind != "app":
            raise failed(f"{app.run.id} is a runtime, which does nothing by itself")
        runtime = _runtime(app, places)
        if runtime is None:
            undo.pop_all()
            return Stack(app)
        undo.callback(deployments.close, runtime)
        notes = list(_foreign(app, runtime))
        extensions: list[Mounted] = []
        for base in (app, runtime):
            for mounted in _extensions(base, places, notes):
                undo.callback(deployments.close, mounted.deployment)
                extensions.append(mounted)
        undo.pop_all()
        return Stack(app, runtime, tuple(extensions), tuple(notes))


def _runtime(app: Deployment, places: Places) -> Deployment | None:
    """Lock the runtime that an app names; None when it needs none."""
    name = app.run.runtime
    if not name:
        return None
    found = deployments.current(places, app.scope, name)
    if found is None:
        wanted = app.run.runtime_ref or name
        raise failed(
            f"{app.run.id} needs the runtime {wanted}, which is not installed ({app.scope.value} scope)",
            f"appctl install {app.run.id} again, or the runtime's own image by its reference",
        )
    if found.run.kind != "runtime":
        deployments.close(found)
        raise failed(f"{app.run.id} needs the runtime {name}, which is an app here")
    return found


def _foreign(app: Deployment, runtime: Deployment) -> Iterator[str]:
    ours, theirs = recorded(app.path, "remote"), recorded(runtime.path, "remote")
    if ours != theirs:
        yield f"{app.run.id} of remote {ours} runs on {runtime.run.id} of remote {theirs}"


def _extensions(base: Deployment, places: Places, notes: list[str]) -> Iterator[Mounted]:
    """Lock the extensions of one deployment that are installed and of its remote."""
    remote = recorded(base.path, "remote")
    for point in base.run.extensions:
        found = deployments.current(places, base.scope, point.id)
        if found is None:
            continue
        if found.run.kind != "runtime" or not remote or recorded(found.path, "remote") != remote:
            deployments.close(found)
            notes.append(f"{point.id} is no extension from the remote of {base.run.id}: left out")
            continue
        yield Mounted(point, found)
