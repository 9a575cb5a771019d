# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl run`: start an installed app as the caller, without the daemon.

The exit code is the app's. Ours are 125 (not started), 126 and 127 (its command cannot be executed, or is
none), and 64 for a command line, or options, that make no sense: nothing was run then.
"""

import os
import shlex
import sys
from pathlib import Path

from appctl.context import Context
from appctl.failure import usage
from appctl.running import deployment as deployments
from appctl.running import grants as granted
from appctl.running import home
from appctl.running.failed import failed
from appctl.running.launch import launch
from appctl.running.syscalls import filter_descriptor
from appctl.sandbox import Sandbox, build, runtime_directory
from appctl.scope import Scope
from appctl.show import escape


def run(context: Context) -> int:
    """Run the app of the command line. Raises Failure."""
    if os.geteuid() == 0:
        raise failed(
            "apps are not run as root", "as a user: sudo -u USER appctl run ID (or runuser -u USER -- …)"
        )
    options = context.options
    scopes = (Scope(options.scope),) if options.scope else (Scope.USER, Scope.SYSTEM)
    deployment = deployments.find(context.places, scopes, options.id)
    try:
        command = deployment.run.command(options.arguments, options.command_instead)
        sandbox = _sandbox(context, deployment)
        try:
            if options.verbose:
                print(shlex.join(["bwrap", *sandbox.arguments, "--", *command]), file=sys.stderr)
            return launch(deployment, sandbox, command, context.places.runtime)
        finally:
            sandbox.close()
    finally:
        deployments.close(deployment)


def _sandbox(context: Context, deployment: deployments.Deployment) -> Sandbox:
    """Prepare what the app needs, and return its sandbox."""
    options, places = context.options, context.places
    filter_fd = filter_descriptor()
    once = granted.from_options(options.filesystem, options.share)
    grants = granted.collect([*deployment.run.permissions, *once], places, runtime_directory())
    for wish in grants.refused:
        print(f"note: {escape(wish)} is not granted here", file=sys.stderr)
    data = places.app_data(deployment.run.id)
    home.prepare(data, deployment.files)
    cwd = None if options.cwd is None else os.path.normpath(Path.cwd() / options.cwd)
    return build(deployment, grants, data, extra_env=_variables(options.env), cwd=cwd, filter_fd=filter_fd)


def _variables(items: list[str]) -> dict[str, str]:
    """Read `--env K=V`. Raises Failure."""
    variables = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise usage(f"--env {item!r} is no NAME=VALUE")
        variables[name] = value
    return variables
