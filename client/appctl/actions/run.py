# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl run`: start an installed app as the caller, without the daemon.

The exit code is the app's. Ours are 125 (not started), 126 and 127 (its command cannot be executed, or is
none), and 64 for a command line, or options, that make no sense: nothing was run then.
"""

import os
import shlex
from argparse import Namespace
from contextlib import closing

from appctl.context import Context
from appctl.running import once, volumes
from appctl.running.deployments import deployment as deployments
from appctl.running.deployments.deployment import recorded
from appctl.running.deployments.stack import Stack, assemble
from appctl.running.desktop import portals, proxy
from appctl.running.desktop.documents import forwarded, portal, wake
from appctl.running.desktop.info import flatpak_info
from appctl.running.environment import runtime_directory
from appctl.running.failed import failed
from appctl.running.grants import bus
from appctl.running.grants.collect import collect
from appctl.running.grants.denials import Denials
from appctl.running.grants.granted import Grants
from appctl.running.grants.overrides import overrides
from appctl.running.launch import launch
from appctl.running.mounts import home
from appctl.running.sandbox import Outside, build
from appctl.running.syscalls import filter_descriptor
from appctl.scope import Scope
from appctl.terminal.show import escape, note


def run(context: Context) -> int:
    """Run the app of the command line. Raises Failure."""
    if os.geteuid() == 0:
        raise failed(
            "apps are not run as root", "as a user: sudo -u USER appctl run ID (or runuser -u USER -- …)"
        )
    options = context.options
    given = once.of_options(options)
    scopes = (Scope(options.scope),) if options.scope else (Scope.USER, Scope.SYSTEM)
    app = deployments.find(context.places, scopes, options.id)
    try:
        with closing(assemble(app, context.places)) as stack:
            return _run(context, stack, given)
    except OSError as error:  # a runtime directory that is full, say
        where = f"{error.filename}: " if error.filename else ""
        raise failed(f"{app.run.id} cannot be started: {where}{error.strerror}", "appctl doctor") from error


def _run(context: Context, stack: Stack, given: once.Once) -> int:
    """Prepare what the app needs, and run it."""
    places, options, app = context.places, context.options, stack.app
    decided = overrides(places, app.scope, app.run.id, recorded(app.path, "remote"))
    asked = [*app.run.permissions, *decided.allowed, *given.permissions]
    grants = collect(asked, places, runtime_directory(), app.run.id, decided.denials)
    given.check(grants, places.home)
    data = places.app_data(app.run.id)
    files = None if stack.runtime else app.files
    home.prepare(data, files)
    kept = volumes.prepare(data, app.run.volumes, files)
    granted = [item for item in asked if grants.has(item[0], item[1])]
    info = flatpak_info(stack, data, portals.instance(os.getpid()), granted)
    rules = _bus_rules(stack, grants, decided.denials)
    if options.file_forwarding:
        wake(places.runtime)
    with proxy.buses(rules, app.run.id, info, places.runtime, runtime_directory()) as buses:
        outside = Outside(places.home, given.env, given.cwd, info, buses, kept)
        sandbox = build(stack, grants, data, outside, filter_fd=filter_descriptor(grants.features))
        with closing(sandbox):
            missing = [f"{name}-bus" for name in buses.missing if grants.buses.get(name)]
            note(*(f"note: {escape(wish)} is not granted here" for wish in [*grants.refused, *missing]))
            note(*(f"note: {escape(text)}" for text in [*stack.notes, *sandbox.left_out]))
            command = app.run.command(_arguments(options, app.run.id, grants, buses), options.command_instead)
            if options.verbose:
                note(shlex.join(["bwrap", *sandbox.arguments, "--", *command]))
            return launch(app, sandbox, command, places.runtime, asks_portals=bool(buses.mounts))


def _arguments(options: Namespace, app: str, grants: Grants, buses: proxy.Buses) -> list[str]:
    """Return what the app gets, files that were opened with it as it sees them."""
    if not options.file_forwarding:
        return list(options.arguments)
    place = f"{runtime_directory()}/doc"
    sees_documents = any(mount.place == place for mount in buses.mounts)
    return forwarded(options.arguments, grants.shown, place if sees_documents else "", portal(app))


def _bus_rules(stack: Stack, grants: Grants, denials: Denials) -> dict[str, list[str]]:
    """Return the rules by bus: what was granted, and the session's own for who could use it.

    That is an app that has a runtime, or shows something, or asks for a name: others start no proxy.
    """
    rules = dict(grants.buses)
    if stack.runtime or grants.displays or "session" in rules:
        every = bus.of_every_app(stack.app.run.id, denials.of_bus("session"))
        rules["session"] = [*every, *rules.get("session", ())]
    return rules
