# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app stands on: the runtime that its label names, from the same remote and no other; and its ID.

It is here already, or comes in the same job (docs/adr/0026). Judged with the plan, and again under the gate,
because a runtime may have been removed meanwhile. A runtime that only the tree's own file names is nobody's
condition: such an app installs, and its run.json says what is missing. Two remotes may each bring a runtime
of one ref: the second has an ID of its own (docs/adr/0041), and `stands_on` tells them apart as `run` does.
"""

from collections.abc import Iterable

from appctld.errors import NotFound
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.pipeline.admission.here import record_here
from appctld.pipeline.stages import Planned
from appctld.pipeline.tools import Tools
from appctld.state.records import Record


def runtime_here(ref: FlatpakRef, remote: str, tools: Tools) -> Record | None:
    """The installed runtime or extension of that very ref, if that remote brought it."""
    for app_id in (ref.id, ref.id_beside(remote)):
        record = record_here(app_id, tools)
        if record is not None and (record.flatpak_ref, record.remote) == (str(ref), remote):
            return record
    return None


def runtime_id(ref: FlatpakRef, remote: str, tools: Tools) -> str:
    """Under which ID a remote's runtime or extension is installed, or would be.

    The ref's own, unless another remote has that.
    """
    beside = ref.id_beside(remote)
    if beside in tools.doubted:  # a repair of it: the record that says so is what is in doubt
        return beside
    if here := runtime_here(ref, remote, tools):
        return here.id
    taken = record_here(ref.id, tools)
    return ref.id if taken is None or taken.remote == remote else beside


def stands_on(app: Record, here: Iterable[Record]) -> Record | None:
    """Which of the runtimes that are here an app runs on: its own remote's, else who has the ref's own ID."""
    if not app.runtime:
        return None
    found = [record for record in here if record.flatpak_ref == app.runtime]
    own = [record for record in found if record.remote == app.remote]
    named = [record for record in found if record.id == parse_ref(app.runtime).id]
    return next(iter((*own, *named)), None)


def is_here(planned: Planned, tools: Tools) -> bool:
    """Whether that very image of a runtime or an extension is what is current."""
    ref = planned.described.ref
    record = runtime_here(ref, planned.remote.name, tools) if ref else None
    return record is not None and record.image_digest == planned.digest


def check_runtime(planned: Planned, beside: Iterable[Planned], tools: Tools) -> None:
    """Raise NotFound where what the app stands on is neither here nor installed beside it."""
    wanted, remote = planned.described.runtime, planned.remote.name
    if wanted is None or any(one.described.ref == wanted for one in beside):
        return
    if runtime_here(wanted, remote, tools) is None:
        raise missing(wanted, planned, ())


def missing(wanted: FlatpakRef, planned: Planned, looked_at: tuple[str, ...]) -> NotFound:
    """The error for a runtime that is not to be had."""
    where = f"; looked at {', '.join(looked_at)}" if looked_at else ""
    return NotFound(
        f"{planned.id} needs runtime {wanted.short}, which remote {planned.remote.name} does not have{where}",
        looked_at=looked_at,
        hint=f"appctl install REFERENCE    (the runtime, from remote {planned.remote.name})",
    )
