# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ask who could change what stands in a remote's directory, before anything in it is read.

stat(1) is asked, a process of its own: a path may lead to a file system that does not answer, and the loop
must not wait for it. In a worker's sandbox owners cannot be told apart. The sandbox then shows the directory
of that path; who could put another there between the two is whom the check is about.
"""

import os
from pathlib import Path

from appctld.config.directory import PathStatus, check_owners
from appctld.errors import LimitExceeded, PolicyDenied, RegistryUnavailable
from appctld.system.capture import capture

STAT = "stat"
DEADLINE = 30.0  # seconds; a disk that spins up answers in less
OUTPUT_BYTES = 64 << 10  # a line for each component of a path, which Linux limits to 4 KiB


async def check_directory(directory: Path, *inside: str) -> None:
    """Raise PolicyDenied unless only root and we could change what stands at that path.

    The same is asked of the files `inside`, as far as they are there. Raises RegistryUnavailable where
    nothing stands there, or nobody answers: a medium that is not mounted is like a registry that is down.
    """
    outer = (*reversed(directory.parents), directory)
    found = await _stat([*outer, *(directory / name for name in inside)])
    check_owners(found, directory, os.geteuid())
    missing = {*outer} - {one.path for one in found}
    if missing:
        raise RegistryUnavailable(f"there is no {min(missing)}", path=str(directory))


async def _stat(paths: list[Path]) -> list[PathStatus]:
    """What stands at those paths at which anything does."""
    command = (STAT, "--format=%f %u %n", "--", *map(str, paths))
    try:
        done = await capture(command, deadline=DEADLINE, max_output=OUTPUT_BYTES, status=False)
    except LimitExceeded as error:
        raise RegistryUnavailable(f"the file system of {paths[-1]} does not answer") from error
    lines = [line.split(" ", 2) for line in os.fsdecode(done.stdout).splitlines()]
    if not lines:
        raise PolicyDenied(f"{paths[-1]} cannot be looked at")
    return [PathStatus(Path(path), int(mode, 16), int(owner)) for mode, owner, path in lines]
