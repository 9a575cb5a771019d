# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The user-scope daemon with one thing changed, for what no test can wait for.

python -m support.machines.altered early    a clock that shows a time before the release
python -m support.machines.altered killed   kill -9 as soon as it is written down that an image is installed
python -m support.machines.altered hasty    waits for no other daemon
python -m support.machines.altered sleepy   leaves as soon as nobody needs it, and soon forgets how jobs ended
python -m support.machines.altered impatient ends when the bus takes nothing for three seconds
python -m support.machines.altered governed has the machine's policy.d and certs.d, and the remotes that are
                                            shipped, in $XDG_CONFIG_HOME
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from appctld import lifetime, scope
from appctld.jobs import queue
from appctld.pipeline import deploy
from appctld.pipeline.admission.standing import remember_standing
from appctld.pipeline.stages import Standing
from appctld.pipeline.tools import Tools
from appctld.state import lock
from appctld.trust import clock
from support.machines import bare


def _early() -> None:
    clock.RELEASED = 1 << 40


def _killed() -> None:
    def remember(standing: Standing, tools: Tools) -> None:
        remember_standing(standing, tools)
        os.kill(os.getpid(), signal.SIGKILL)

    vars(deploy)["remember_standing"] = remember


def _hasty() -> None:
    lock.WAIT = 0.0


def _sleepy() -> None:
    lifetime.LOOK_SECONDS, queue.KEPT_SECONDS = 0.1, 0.5
    vars(scope)["IDLE_SECONDS"] = 2.0


def _impatient() -> None:
    # For so long a bus that works takes something, on a busy machine too
    lifetime.STUCK_SECONDS, lifetime.LOOK_SECONDS = 3.0, 0.2


def _governed() -> None:
    configuration, made = Path(os.environ["XDG_CONFIG_HOME"]), scope._scope

    def with_shipped(
        name: str, state: Path, directories: tuple[Path, ...], environment: Mapping[str, str]
    ) -> scope.Scope:
        return made(name, state, (*directories, configuration / "shipped"), environment)

    scope.POLICY, scope.CERTIFICATES = configuration / "policy.d", configuration / "certs.d"
    vars(scope)["_scope"] = with_shipped


if __name__ == "__main__":
    changes = (_early, _killed, _hasty, _sleepy, _impatient, _governed)
    {change.__name__[1:]: change for change in changes}[sys.argv[1]]()
    sys.exit(bare.main())
