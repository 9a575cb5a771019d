# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager's methods about what people decide for an installed app: hold it, give or deny it something.

Guarantees: as the Manager's others: checked and frozen, then authorized with those very values, then done.
"""

from collections.abc import Collection, Mapping, Sequence

from appctld.bus.caller import Caller
from appctld.bus.exported import Exported
from appctld.bus.objects.asked import app_ids
from appctld.bus.service import Service
from appctld.model.jsonvalue import JsonObject
from appctld.model.override import parse_overrides


class AppChoices(Exported):
    """A part of the Manager."""

    _service: Service

    def _installed(self, ids: Collection[str]) -> Mapping[str, str]:
        """What polkit is told about these apps."""
        raise NotImplementedError

    async def set_hold(self, caller: Caller, id_: str, hold: bool) -> None:  # noqa: FBT001 - the bus's argument
        """Hold an app at its version, or do so no longer."""
        (app_id,) = app_ids([id_])
        await self._authorize_choice(caller, "rollback", app_id)
        await self._service.choices.hold(app_id, caller.uid, held=hold)

    async def get_permissions(self, caller: Caller, id_: str) -> Sequence[JsonObject]:  # noqa: ARG002 - anybody may look
        """What an app asks for, what was approved and what was overridden, and by whom."""
        (app_id,) = app_ids([id_])
        return await self._service.choices.permissions(app_id)

    async def set_permissions(self, caller: Caller, id_: str, permissions: list[list[str]]) -> None:
        """Put these overrides in the place of all that were there."""
        (app_id,), wanted = app_ids([id_]), parse_overrides(permissions)
        await self._authorize_choice(caller, "approve", app_id)
        await self._service.choices.override(app_id, caller.uid, wanted)

    async def _authorize_choice(self, caller: Caller, action: str, app_id: str) -> None:
        told = self._installed([app_id])
        with self._service.jobs.questions.open(caller.uid):
            await self._service.authorizer.authorize(caller, action, told)
