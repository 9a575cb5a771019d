# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The composition root: builds one scope's daemon, serves it, and ends when nobody needs it.

Started by the bus (`appctld --user`) or by systemd (`appctld --system`). Refuses to be root: nothing of
appctl needs that, and bubblewrap started by root is no sandbox.
"""

import argparse
import asyncio
import faulthandler
import gc
import logging
import os
import sys
from functools import partial

from appctld import __version__
from appctld.bus.machine.services import Services
from appctld.bus.machine.surroundings import MachineServices
from appctld.bus.polkit import Authorizer, PolkitAuthorizer, SessionAuthorizer
from appctld.bus.serve import serve
from appctld.bus.service import Service
from appctld.bus.wire.connection import BusLostError, Connection, connect
from appctld.bus.wire.paths import BUS_NAME
from appctld.bus.wire.questions import BusCallError
from appctld.errors import AppctlError, Busy
from appctld.jobs.start import Rooms, build
from appctld.lifetime import Lifetime
from appctld.scope import Scope, system_scope, user_scope
from appctld.state.history import read_events
from appctld.system.child import watch_without_threads
from appctld.system.journal import LEVELS, chosen_level, set_up
from appctld.system.notify import Notifier
from appctld.system.privileges import drop_ambient
from appctld.system.pump import pump
from appctld.updates.apps import Apps
from appctld.updates.automatic import AutomaticUpdates

PROBE_SECONDS = 10.0  # a sandbox that does not start within this will not start at all
REFUSED = 78  # exit status, EX_CONFIG: here it cannot run, and not a moment later either

logger = logging.getLogger("appctld")


def main() -> int:
    """Parse the command line and run. The exit status is 0 only for an orderly end."""
    arguments = command_line().parse_args()
    set_up(chosen_level(arguments.log_level, os.environ.get("APPCTL_LOG", "")))
    faulthandler.enable()  # systemd ends a loop that is stuck by SIGABRT: where, the journal says
    if os.geteuid() == 0:
        logger.error("appctld does not run as root; the system scope runs as user appctl")
        return REFUSED
    drop_ambient()
    watch_without_threads()
    try:
        return asyncio.run(run(system_scope() if arguments.system else user_scope(os.environ)))
    except AppctlError as error:
        logger.error("%s", _told(error))  # noqa: TRY400 - for people, not for debuggers
        return 1 if isinstance(error, Busy) else REFUSED
    except (BusCallError, OSError) as error:  # the bus is gone, or gives us no name; the disk is full
        logger.error("%s", error)  # noqa: TRY400 - whoever calls next starts us again
        logger.debug("where that was", exc_info=error)
        return 1


def _told(error: AppctlError) -> str:
    return f"{error.message} ({error.advice})" if error.advice else error.message


def command_line() -> argparse.ArgumentParser:
    """Make the parser, of which the man page is made too."""
    parser = argparse.ArgumentParser(prog="appctld", description="The daemon of appctl; D-Bus starts it.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--system", action="store_true", help="the machine's, on the system bus, as user appctl"
    )
    which.add_argument("--user", action="store_true", help="the calling user's, on the session bus")
    parser.add_argument(
        "--log-level", choices=LEVELS, help="the least of what is logged (info, or what $APPCTL_LOG says)"
    )
    parser.add_argument(
        "--verbose", dest="log_level", action="store_const", const="debug", help="log everything"
    )
    parser.add_argument(
        "--version", action="version", version=f"appctld {__version__}", help="say which it is"
    )
    return parser


async def run(scope: Scope) -> int:
    """Serve one scope until nobody needs it, the bus goes away, or we are told to stop."""
    await check_sandbox(scope)
    connection = await _connected(scope)
    services = Services(connection if scope.is_system else None)
    try:
        return await _run(scope, connection, MachineServices(services))
    finally:
        await services.close()
        await connection.close()


async def _connected(scope: Scope) -> Connection:
    """A connection to the scope's bus. Raises BusLostError."""
    try:
        return await connect(system=scope.is_system)
    except Exception as error:  # the library's own, of several kinds
        raise BusLostError(f"the {scope.name} scope's bus does not let us in: {error}") from error


async def _run(scope: Scope, connection: Connection, machine: MachineServices) -> int:
    tools = scope.tools(machine.staying_up)
    automatic = AutomaticUpdates(tools, scope.policy, machine, connection.has_owner)
    rooms = await build(scope.name, scope.paths, scope.configuration, tools, automatic.decide)
    try:
        await automatic.stamp()  # from now on it is known how far they go
        service = _service(scope, rooms, automatic, connection)
        server = await serve(connection, service, scope.interfaces)
        await connection.own_name(BUS_NAME)
        gc.freeze()  # every module stays: who looks for garbage among them stops the loop for tens of ms
        notifier = Notifier.of(os.environ)
        lifetime = Lifetime(connection, server, rooms.jobs, notifier, scope.idle_seconds, automatic.handled)
        await lifetime.run()
        return 0
    finally:
        await rooms.jobs.close()


async def check_sandbox(scope: Scope) -> None:
    """Raise an error with a hint when the sandbox cannot start here: nothing runs without it."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    command = scope.launcher.stock("true")
    status = await pump(
        command, source=null, sink=os.dup(null), deadline=PROBE_SECONDS, what="starting the sandbox"
    )
    if status != 0:
        raise AppctlError(
            "bubblewrap cannot start a sandbox here (are unprivileged user namespaces allowed?), and appctl"
            " does not work without one",
            hint="appctl doctor",
        )


def _service(scope: Scope, rooms: Rooms, automatic: AutomaticUpdates, connection: Connection) -> Service:
    uid = os.geteuid()
    authorizer: Authorizer = PolkitAuthorizer(connection, uid) if scope.is_system else SessionAuthorizer(uid)
    return Service(
        jobs=rooms.jobs,
        apps=Apps(scope.paths, scope.name, rooms.remotes.max_ages),
        history=partial(read_events, scope.paths),
        choices=rooms.choices,
        remotes=rooms.remotes,
        automatic=automatic,
        authorizer=authorizer,
        scope=scope.name,
        uid=uid,
        version=__version__,
    )


if __name__ == "__main__":
    sys.exit(main())
