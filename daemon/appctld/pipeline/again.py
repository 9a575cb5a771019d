# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What somebody chose at an install holds for all that follows it: an ID that was given, an architecture.

Pure. An update and a repair ask for the image with the tools that are made here.
"""

from dataclasses import replace
from typing import Protocol

from appctld.model.manifest import Platform
from appctld.pipeline.tools import Tools


class Chosen(Protocol):
    """An app that is installed, or is to come back, as far as that was chosen."""

    @property
    def id(self) -> str:
        """The one that it has here."""
        ...

    @property
    def arch(self) -> str:
        """As OCI writes it; empty is this machine's own."""
        ...

    @property
    def given_id(self) -> bool:
        """Whether somebody gave it that ID."""
        ...


def for_platform(arch: str, tools: Tools) -> Tools:
    """Tools for images of that architecture, as OCI writes it; empty is this machine's own."""
    ours = tools.platform
    if arch in {"", ours.architecture}:
        return tools
    return replace(tools, platform=Platform(ours.os, arch))


def as_before(record: Chosen, tools: Tools) -> Tools:
    """Tools for the image of an app that is installed."""
    return for_platform(record.arch, replace(tools, as_id=record.id if record.given_id else ""))
