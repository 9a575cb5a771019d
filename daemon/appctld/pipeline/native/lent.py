# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the remote gave for the version that is installed, where a pull may see it: so that updates are small.

A comfort, not a guard: the store believes nothing of it, and where it cannot be lent all of a commit comes.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from appctld.errors import AppctlError
from appctld.pipeline.native.quarantine import quarantine
from appctld.pipeline.native.stages import PlannedCommit
from appctld.pipeline.tools import Tools
from appctld.state.paths import commit_ref


@dataclass(frozen=True, slots=True)
class Lent:
    """A repository with the objects of one commit, for the length of one pull."""

    place: Path
    commit: str


@contextlib.asynccontextmanager
async def lent(planned: PlannedCommit, tools: Tools) -> AsyncIterator[Lent | None]:
    """The objects of what is installed under the plan's ID; None where nothing is, or it is damaged."""
    current = planned.current
    if current is None:
        yield None
        return
    async with quarantine(tools) as place:
        try:
            ref = commit_ref(planned.remote.name, current.commit)
            await tools.store({"op": "lend", "quarantine": str(place), "ref": ref})
        except AppctlError:
            found = None
        else:
            found = Lent(place, current.commit)
        yield found
