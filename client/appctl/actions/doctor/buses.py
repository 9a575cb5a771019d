# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The bus, the daemon on it, and in the system scope polkit, which decides who may change anything."""

from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.actions.help.version import client_version
from appctl.context import Context
from appctl.failure import Failure
from appctl.scope import Scope
from appctl.talk.bus import MANAGER, ROOT
from appctl.talk.wire import get_str

POLKIT = "org.freedesktop.PolicyKit1"
_AFTER_THE_REST = {  # for whom the usual hint would send to doctor, which is here
    Scope.SYSTEM: "mend what else is wrong here; then: systemctl status appctl",
    Scope.USER: "mend what else is wrong here; then: journalctl --user -u appctl",
}
ACTIONS = Path("/usr/share/polkit-1/actions/org.appctl.Installer1.policy")


def daemon(context: Context) -> Iterator[Finding]:
    """Whether the daemon answers, and is the one that this client was installed with."""
    try:
        manager = context.bus(context.scope).properties(ROOT, MANAGER)
    except Failure as failure:
        hint = _AFTER_THE_REST[context.scope] if "doctor" in failure.hint else failure.hint
        yield problem("daemon", failure.message, hint)
        return
    theirs, ours = get_str(manager, "DaemonVersion"), client_version()
    if theirs == ours:
        yield ok("daemon", f"appctld {theirs} answers")
    else:
        restart = "systemctl restart appctl" if context.scope is Scope.SYSTEM else "it ends when it is idle"
        yield warning("daemon", f"appctld is {theirs}, and this is appctl {ours}", restart)


def polkit(context: Context) -> Iterator[Finding]:
    """Whether somebody can be asked who may do what."""
    if context.scope is not Scope.SYSTEM:
        return
    try:
        names = context.bus(Scope.SYSTEM).known_names()
    except Failure:
        return  # the daemon's check tells that there is no bus
    if POLKIT not in names:
        yield problem("polkit", "polkit is not on the system bus: nobody may change anything",
                      "apt install polkitd")  # fmt: skip
    elif not ACTIONS.is_file():
        yield problem("polkit", f"{ACTIONS} is missing: polkit knows none of appctl's actions",
                      "scripts/install-system")  # fmt: skip
    else:
        yield ok("polkit", "it decides who may change anything")
