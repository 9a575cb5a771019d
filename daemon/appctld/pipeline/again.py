# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What somebody chose at an install holds for all that follows it: an ID that was given, an architecture.

Pure. An update and a repair ask for the image with the tools that are made here.
"""

from dataclasses import replace

from appctld.model.manifest import Platform
from appctld.pipeline.tools import Tools
from appctld.state.records import Record


def for_platform(arch: str, tools: Tools) -> Tools:
    """Tools for images of that architecture, as OCI writes it; empty is this machine's own."""
    ours = tools.platform
    if arch in {"", ours.architecture}:
        return tools
    return replace(tools, platform=Platform(ours.os, arch))


def as_before(record: Record, tools: Tools) -> Tools:
    """Tools for the image of an app that is installed."""
    return for_platform(record.arch, replace(tools, as_id=record.id if record.given_id else ""))
