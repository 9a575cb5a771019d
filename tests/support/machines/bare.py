# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The daemon with its Python workers outside bubblewrap, so that coverage can measure them.

    python -m support.machines.bare --user

Everything else is the real daemon. Stock programs (gpgv, decoders) stay in their sandbox; that the workers
work inside theirs is what the demo, the boot test and the tests of the real daemon show.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appctld.__main__ import run
from appctld.scope import user_scope
from appctld.system.child import PLAIN, watch_without_threads
from appctld.system.journal import set_up
from appctld.system.sandbox import Bubblewrap


@dataclass(frozen=True, slots=True)
class Bare(Bubblewrap):
    """The launcher that isolates stock programs only."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Lets coverage find its configuration and its data file."""
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return {**PLAIN, **measured}

    def worker(
        self,
        module: str,
        *,
        network: bool = False,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> tuple[str, ...]:
        """The plain interpreter; it dies with the daemon as a sandboxed one would."""
        return ("setpriv", "--pdeathsig", "KILL", "--", str(self.python), "-I", "-m", module)


def main(launcher: type[Bare] = Bare) -> int:
    """Serve the user scope."""
    set_up("debug")
    watch_without_threads()
    scope = user_scope(os.environ)
    return asyncio.run(run(replace(scope, launcher=launcher(code=()))))


if __name__ == "__main__":
    sys.exit(main())
