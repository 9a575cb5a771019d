# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A directory of its own for every pull, which goes when its work is done, however it ended.

What is in it was written by a process that talks to strangers, and is read as theirs.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from appctld.errors import AppctlError, NoSpace
from appctld.pipeline.tools import Tools


@contextlib.asynccontextmanager
async def quarantine(tools: Tools) -> AsyncIterator[Path]:
    """Make one. What could not be removed at the end the next start sweeps up. Raises NoSpace."""
    place = tools.paths.quarantine / secrets.token_hex(16)
    try:
        place.mkdir(mode=0o700)
    except OSError as error:
        raise NoSpace(f"{place}: {error.strerror}") from error
    try:
        yield place
    finally:
        with contextlib.suppress(AppctlError):
            await asyncio.shield(tools.store({"op": "discard", "quarantine": str(place)}))
