# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which of the updates that the last check found are still due.

A finding is a hint of the past: the app may have been updated, rolled back or removed since.
"""

from collections.abc import Mapping

from appctld.state.available import Available, LastCheck
from appctld.state.records import Installed


def due(check: LastCheck, apps: Mapping[str, Installed]) -> dict[str, Available]:
    """The findings, by app ID, that would change an installed app."""
    return {
        update.id: update
        for update in check.updates
        if update.id in apps and apps[update.id].current.image_digest != update.digest
    }
