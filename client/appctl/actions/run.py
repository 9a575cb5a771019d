# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl run`: start an installed app as the caller, without the daemon.

The exit code is the app's. Ours are 125 (not started), 126 and 127 (its command cannot be executed, or is
none), and 64 for a command line, or options, that make no sense: nothing was run then.
"""

import os
import shlex

from appctl.context import Context
from appctl.running import deployment as deployments
from appctl.running import grants as granted
from appctl.running import home, once
from appctl.running.failed import failed
from appctl.running.launch import launch
from appctl.running.sandbox import Sandbox, build, runtime_directory
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
    deployment = deployments.find(context.places, scopes, options.id)
    try:
        command = deployment.run.command(options.arguments, options.command_instead)
        sandbox = _sandbox(context, deployment, given)
        try:
            if options.verbose:
                note(shlex.join(["bwrap", *sandbox.arguments, "--", *command]))
            return launch(deployment, sandbox, command, context.places.runtime)
        finally:
            sandbox.close()
    finally:
        deployments.close(deployment)


def _sandbox(context: Context, deployment: deployments.Deployment, given: once.Once) -> Sandbox:
    """Prepare what the app needs, and return its sandbox."""
    places = context.places
    filter_fd = filter_descriptor()
    permissions = [*deployment.run.permissions, *given.permissions]
    grants = granted.collect(permissions, places, runtime_directory())
    given.check(grants.refused, places.home)
    note(*(f"note: {escape(wish)} is not granted here" for wish in grants.refused))
    data = places.app_data(deployment.run.id)
    home.prepare(data, deployment.files)
    return build(deployment, grants, data, extra_env=given.env, cwd=given.cwd, filter_fd=filter_fd)
