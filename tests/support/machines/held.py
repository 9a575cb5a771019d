# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The user-scope daemon, one of whose workers can be held in the middle of its work.

    machine = Machine(directory, program=("support.machines.held", str(place)))
    hold = Hold(place)
    hold.arm("store", "merge", "os:rename", 2)

The worker that is asked for a merge next waits before it renames for the second time, until it is let go or
told to end. Workers run outside bubblewrap (bare.py), and start in held_worker.py; all else is the real one.
"""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.machines.bare import Bare, main

PATIENCE = 60.0  # seconds on a busy machine until a worker must have come so far


class Hold:
    """Where a worker is to be held."""

    def __init__(self, place: Path) -> None:
        self._armed, self._held = place / "armed", place / "held"
        place.mkdir(exist_ok=True)

    def arm(self, process: str, operation: str, call: str, number: int) -> None:
        """Hold the one that is asked for it next, before its `number`th call of that function."""
        draft = self._armed.with_suffix(".draft")
        draft.write_text(json.dumps([f"appctld.workers.{process}", operation, call, number]))
        draft.rename(self._armed)

    def wait(self) -> None:
        """Wait until it is held."""
        end = time.monotonic() + PATIENCE
        while not self._held.exists():
            assert time.monotonic() < end, f"nothing came to {self._armed.read_text()}"
            time.sleep(0.01)

    def let_go(self) -> None:
        """Let it go on, if it is still there."""
        self._armed.unlink(missing_ok=True)
        self._held.unlink(missing_ok=True)


class Held(Bare):
    """The launcher of workers that may be held."""

    @property
    def environment(self) -> Mapping[str, str]:
        """With the way to this package."""
        return {**super().environment, "PYTHONPATH": os.environ["PYTHONPATH"]}

    def worker(
        self,
        module: str,
        *,
        network: bool = False,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """See `Bare.worker`."""
        command = super().worker(module, network=network, writable=writable, readable=readable)
        *before, _isolated, _m, _module = command
        return (*before, "-m", "support.machines.held_worker", sys.argv[1], module)


if __name__ == "__main__":
    sys.exit(main(Held))
