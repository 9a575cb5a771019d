# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app and what it stands on: its runtime and the extensions of both, each locked while the app lives.

Guarantees: all of them are of the app's scope, so that nobody's own runtime gets below an app of the
machine's. An extension comes from the remote of what it extends, or is left out and named: no publisher puts
files into the app of another. Of two runtimes of one ref an app gets that of its remote, which stands beside
another's under an ID that ends with its remote's name; that a runtime is another publisher's is said.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from appctl.places import Places
from appctl.running.deployments import deployment as deployments
from appctl.running.deployments.conditions import is_wanted
from appctl.running.deployments.deployment import Deployment, recorded
from appctl.running.deployments.runfile import Extension, RunFile
from appctl.running.failed import failed


@dataclass(frozen=True)
class Mounted:
    """An extension that is installed, and where it is mounted."""

    point: Extension
    deployment: Deployment
    at: str


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
            raise failed(f"{app.run.id} is a runtime, which does nothing by itself", "appctl list")
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
    name, ref = app.run.runtime, app.run.runtime_ref
    if not name:
        return None
    found = _beside(app, places) or deployments.current(places, app.scope, name)
    if found is None:
        raise failed(
            f"{app.run.id} needs the runtime {ref or name}, which is not installed ({app.scope.value} scope)",
            "install its image by its reference, from whom you trust",
        )
    if found.run.kind != "runtime" or (found.run.runtime_ref != ref and ref):
        deployments.close(found)
        raise failed(
            f"{app.run.id} needs the runtime {ref or name}, and {name} here is another", f"appctl info {name}"
        )
    return found


def _beside(app: Deployment, places: Places) -> Deployment | None:
    """Lock the runtime of the app's own remote, where that stands beside another remote's."""
    remote = recorded(app.path, "remote")
    found = deployments.current(places, app.scope, f"{app.run.runtime}-{remote}")
    if found is None:
        return None
    mine = found.run.kind, found.run.runtime_ref, recorded(found.path, "remote")
    if mine == ("runtime", app.run.runtime_ref, remote):
        return found
    deployments.close(found)
    return None


def _foreign(app: Deployment, runtime: Deployment) -> Iterator[str]:
    ours, theirs = recorded(app.path, "remote"), recorded(runtime.path, "remote")
    if ours != theirs:
        yield f"{app.run.id} of remote {ours} runs on {runtime.run.id} of remote {theirs}"


def _extensions(base: Deployment, places: Places, notes: list[str]) -> Iterator[Mounted]:
    """Lock the extensions of one deployment that are installed, of its remote and meant for this machine."""
    remote = recorded(base.path, "remote")
    for point in base.run.extensions:
        ours, others = set[str](), dict[str, str]()
        for name in _candidates(point, base, places, remote):
            found = deployments.current(places, base.scope, name)
            at = place_of(point, found.run) if found else ""
            is_ours = found is not None and bool(remote) and recorded(found.path, "remote") == remote
            if found and at and is_ours and is_wanted(point.condition, at):
                yield Mounted(point, found, at)
            elif found:
                deployments.close(found)
            if at and is_ours:
                ours.add(at)
            elif at:
                others[at] = name
        left_out = (name for at, name in others.items() if at not in ours)
        notes += [f"{name} is not from the remote of {base.run.id}: left out" for name in left_out]


def _candidates(point: Extension, base: Deployment, places: Places, remote: str) -> list[str]:
    """Return the IDs that could stand at a point: its own, else those between its name and its version.

    Each may have the remote's name behind it, where another remote's has the ID itself.
    """
    if not point.subdirectories:
        return [point.id, f"{point.id}-{remote}"]
    start, end = f"{point.name}.", point.id[len(point.name) :]
    ends = (end, f"{end}-{remote}")
    there = deployments.installed(places, base.scope)
    whole = {f"{point.name}{one}" for one in ends}
    return [name for name in there if name in whole or (name.startswith(start) and name.endswith(ends))]


def place_of(point: Extension, run: RunFile) -> str:
    """Return where an extension is mounted at a point, by its own ref; empty if it does not belong there."""
    if run.kind == "runtime" and run.runtime_ref == point.ref:
        return _joined(point.at, point.suffix)
    match run.runtime_ref.split("/"), point.ref.split("/"):
        case [kind, name, *rest], [wanted, _, *version] if [kind, *rest] == [wanted, *version]:
            part = name.removeprefix(f"{point.name}.")
            if run.kind == "runtime" and point.subdirectories and part != name and part.strip("."):
                return _joined(point.at, part, point.suffix)
    return ""


def _joined(*parts: str) -> str:
    return "/".join(filter(None, parts))
