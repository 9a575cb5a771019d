# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether the disk can be written to and has room for what a plan brings, said before anything is downloaded.

Guarantees: what surely cannot fit is refused while nothing has changed, with how much is missing and how much
a prune would give back. What is only likely not to fit is tried: objects may be here already. That nothing
is ever written into the reserve, the store sees to (workers/store/space.py).
"""

import os
from collections.abc import Sequence

from appctld.errors import AppctlError, Failed, NoSpace
from appctld.jobs.apps.kinds import AnyPlan
from appctld.jobs.apps.removal import prunable
from appctld.jobs.workshop import Workshop
from appctld.model.jsonvalue import get_int
from appctld.pipeline.answers import understood
from appctld.pipeline.stages import Planned
from appctld.system.durable import READ_ONLY, is_read_only

NEAR = 10  # percent of the disk: with that much left beside what is needed, no reserve is looked at
_MEGABYTE = 1_000_000


def check_writable(shop: Workshop) -> None:
    """Raise Failed where nothing can be written: what is installed runs, and stays as it is."""
    root = shop.tools.paths.root
    if is_read_only(root):
        raise Failed(f"{root} is read-only: nothing was changed", hint=READ_ONLY, path=str(root))


async def check_room(planned: AnyPlan, before: Sequence[Planned], shop: Workshop) -> None:
    """Raise NoSpace where a plan, with what comes before it, needs more than is free."""
    needed = sum(_least(one) for one in (*before, planned))
    if not needed or not _is_near(shop.tools.paths.root, needed):
        return
    answer = await shop.tools.store({"op": "room"})
    with understood("store"):
        free, reserve = get_int(answer, "free"), get_int(answer, "reserve")
    if needed > free:
        raise NoSpace(
            f"{shop.tools.paths.root} needs {_shown(needed)}, {max(free, 0) // _MEGABYTE} MB free above the"
            f" {_shown(reserve)} reserve",
            hint=f"appctl prune --dry-run{await _what_can_go(shop)}",
            bytes_needed=needed,
            path=str(shop.tools.paths.root),
        )


def _least(planned: AnyPlan) -> int:
    """Bytes that it takes at least: what is downloaded, or what all of it says it takes, if none is here."""
    download = planned.bytes_to_download or 0
    if isinstance(planned, Planned) and not planned.bytes_here:
        return max(download, planned.installed_size)
    return download


def _is_near(root: os.PathLike[str], needed: int) -> bool:
    disk = os.statvfs(root)
    return needed + disk.f_blocks * disk.f_frsize * NEAR // 100 > disk.f_bavail * disk.f_frsize


async def _what_can_go(shop: Workshop) -> str:
    """How much a prune would give back; nothing where that cannot be told now."""
    try:
        return f"    ({_shown(await prunable(shop))} can go)"
    except AppctlError:
        return ""


def _shown(count: int) -> str:
    return f"{-(-count // _MEGABYTE)} MB"  # rounded up, as what is free is down: more is needed than is free
