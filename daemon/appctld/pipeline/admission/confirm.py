# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Under the gate, before anything is put in place: is what was planned still so?

A plan may be hours old when its last layer arrives. The ID may have been installed from elsewhere, updated or
removed since, and the remote's file or the administrator's policy may say something else: then nothing is
deployed.
"""

from collections.abc import Callable

from appctld.config.remote import Remote
from appctld.errors import AlreadyInstalled, AppctlError, Conflict, NotInstalled, PolicyDenied
from appctld.model.ostreeref import AnyReference
from appctld.pipeline.admission.here import digest_here, record_here
from appctld.pipeline.admission.standing import confirm_standing
from appctld.pipeline.native.stages import ImportedCommit
from appctld.pipeline.plans import Plan
from appctld.pipeline.stages import Merged
from appctld.pipeline.tools import Tools
from appctld.state.records import Record

Same = Callable[[Merged | ImportedCommit], None]
"""Refuses, by raising, what was made of a plan."""


def anything(_ready: Merged | ImportedCommit) -> None:
    """Refuse nothing: an install takes what is verified."""


async def confirm(planned: Plan, tools: Tools) -> None:
    """Return if the plan still holds.

    Raises PolicyDenied (the remote is another now, or the administrator forbids it), NotInstalled (the app
    was removed), AlreadyInstalled (by somebody else, the very image), Conflict (another version, or another
    owner), Rollback (something newer was installed).
    """
    confirm_remote(planned.remote, planned.reference, tools)
    policy = await tools.aside(tools.policy)
    policy.check_remote(planned.remote)
    policy.check_app(planned.id, planned.permissions, 0)
    now = record_here(planned.id, tools)
    if _deployment(now) == _deployment(planned.current):
        confirm_standing(planned.standing, digest_here(planned.id, tools), tools)
        return
    if now is None:
        raise NotInstalled(f"{planned.id} was uninstalled meanwhile")
    if (now.remote, now.image_digest) == (planned.remote.name, planned.digest):
        raise AlreadyInstalled(f"{planned.id} {now.version} was installed meanwhile")
    raise Conflict(f"{planned.id} is {now.version} from remote {now.remote} meanwhile", hint="try again")


def confirm_remote(remote: Remote, reference: AnyReference, tools: Tools) -> None:
    """Return if the remote is the one that `reference` was verified under. Raises PolicyDenied."""
    try:
        now = tools.remote(remote.name, reference)
    except AppctlError as error:
        raise PolicyDenied(
            f"remote {remote.name} was removed, moved or disabled meanwhile", hint="appctl remote list"
        ) from error
    if now != remote:
        raise PolicyDenied(f"remote {remote.name} was modified meanwhile", hint="try again")


def _deployment(record: Record | None) -> str:
    return record.deployment if record else ""
