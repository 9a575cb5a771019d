# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who decides for a daemon's rooms, where a test is about something else."""

from appctld.model.automatic import Decision, Extent


async def everything() -> Decision:
    """Nothing stands in the way of an update that nobody asked for."""
    return Decision(Extent.INSTALL)


async def nobody() -> bool:
    """Nobody wants the daemon to stay."""
    return False
