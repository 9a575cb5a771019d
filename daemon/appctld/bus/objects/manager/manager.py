# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The object at the root: all parts of org.appctl.Installer1."""

from typing import ClassVar

from appctld.bus.objects.manager.automatic import AutomaticMembers
from appctld.bus.objects.manager.choices import ChoiceMethods
from appctld.bus.objects.manager.facts import Facts
from appctld.bus.objects.manager.jobs import JobMethods
from appctld.bus.objects.manager.remotes import RemoteMethods
from appctld.bus.wire.paths import MANAGER


class Manager(JobMethods, ChoiceMethods, RemoteMethods, AutomaticMembers, Facts):
    """Its interface; each member stands in one of the parts."""

    interface: ClassVar[str] = MANAGER
