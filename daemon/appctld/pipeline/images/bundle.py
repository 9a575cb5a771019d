# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image that somebody brings along: one descriptor instead of the remote's registry.

Nothing is verified otherwise because of it: the reference that was named says which remote's keys must have
signed, under which name. Guarantees: no network is used for it; a file is read where it lies, and hashed like
whatever a registry sends, for it may change meanwhile; what comes through a pipe is kept in a file without a
name, which is gone with whoever holds it. The descriptor is the caller's: only workers look at it.
"""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appctld.model.jsonvalue import JsonObject, get_bool
from appctld.pipeline.answers import understood
from appctld.pipeline.tools import BLOB_DEADLINE, Bundle, Tools, ignore
from appctld.system.foreign import Handed


class Spool:
    """A file of ours without a name, until `close`."""

    def __init__(self, directory: Path) -> None:
        with tempfile.TemporaryFile(dir=directory, prefix=".unverified-") as file:
            self._number = os.dup(file.fileno())

    def duplicate(self) -> int:
        """A number for a worker that takes it over."""
        return os.dup(self._number)

    def close(self) -> None:
        """Let go of it, and of what is in it."""
        os.close(self._number)


@asynccontextmanager
async def bringing(handed: Handed, tools: Tools) -> AsyncIterator[Bundle]:
    """What was handed over as `Tools.bundle`, for the length of the block.

    Raises InvalidReference for what is neither a file nor a pipe, LimitExceeded, NoSpace.
    """
    spool = await tools.aside(Spool, tools.paths.blobs)
    try:
        request: JsonObject = {"op": "spool", "layout": {"directory": None}}
        fds = {"bundle": handed.duplicate(), "out": spool.duplicate()}
        answer = await tools.fetch(request, fds=fds, report=ignore, deadline=BLOB_DEADLINE)
        with understood("fetcher"):
            spooled = get_bool(answer, "spooled")
        yield spool if spooled else handed
    finally:
        spool.close()
