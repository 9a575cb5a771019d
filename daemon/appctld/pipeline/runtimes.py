# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app stands on: the runtime that its label names, from the same remote and no other.

It is here already, or comes in the same job (docs/adr/0026). Judged with the plan, and again under the gate,
because a runtime may have been removed meanwhile. A runtime that only the tree's own file names is nobody's
condition: such an app installs, and its run.json says what is missing.
"""

from collections.abc import Iterable

from appctld.errors import NotFound
from appctld.model.flatpak.ref import FlatpakRef
from appctld.pipeline.here import record_here
from appctld.pipeline.stages import Planned
from appctld.pipeline.tools import Tools
from appctld.state.records import Record


def runtime_here(ref: FlatpakRef, remote: str, tools: Tools) -> Record | None:
    """The installed runtime or extension of that very ref, if that remote brought it."""
    record = record_here(ref.id, tools)
    if record is None or (record.flatpak_ref, record.remote) != (str(ref), remote):
        return None
    return record


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
