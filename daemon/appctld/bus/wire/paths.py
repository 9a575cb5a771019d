# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Names of objects and errors on the bus; escaping is reversible and leaves only what a path may hold."""

import re

BUS_NAME = "org.appctl.Installer1"
ROOT = "/org/appctl/Installer1"
MANAGER = f"{BUS_NAME}.Manager"
JOB = f"{BUS_NAME}.Job"
APP = f"{BUS_NAME}.App"
REMOTE = f"{BUS_NAME}.Remote"
ERROR_PREFIX = f"{BUS_NAME}.Error."

_UNSAFE = re.compile(rb"^[0-9]|[^A-Za-z0-9]")


def escape(name: str) -> str:
    """One path component for any name, as sd-bus does it: `org.Ed-it` is `org_2eEd_2dit`."""
    return _UNSAFE.sub(lambda found: b"_%02x" % found[0][0], name.encode()).decode("ascii") or "_"


def job_path(number: int) -> str:
    """The object of one job."""
    return f"{ROOT}/job/{number}"


def app_path(app_id: str) -> str:
    """The object of one app."""
    return f"{ROOT}/app/{escape(app_id)}"


def remote_path(name: str) -> str:
    """The object of one remote."""
    return f"{ROOT}/remote/{escape(name)}"


def parents(path: str) -> list[str]:
    """Every path above this one, the nearest first, `/` last."""
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(len(parts) - 1, -1, -1)]
