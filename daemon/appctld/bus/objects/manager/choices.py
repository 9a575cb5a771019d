# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager's methods about what people decide for an app: approve, hold, give or deny it something."""

from collections.abc import Mapping, Sequence
from functools import partial

from appctld.bus.caller import Caller
from appctld.bus.objects.asked import Options, app_ids, frozen
from appctld.bus.objects.manager.part import Part
from appctld.jobs.requests import Approve
from appctld.model.jsonvalue import JsonObject
from appctld.model.override import parse_overrides


class ChoiceMethods(Part):
    """Each is about one app that is installed."""

    async def approve(self, caller: Caller, id_: str, options: Options) -> str:
        """Start an Approve job."""
        (app_id,) = app_ids([id_])
        digest = str(options.get("expected-digest", ""))

        def tell() -> Mapping[str, str]:
            return {**self._installed([app_id]), "digest": digest}

        return self._start(caller, Approve(app_id, frozen(options)), "approve", tell)

    async def set_hold(self, caller: Caller, id_: str, hold: bool) -> None:  # noqa: FBT001 - the bus's argument
        """Hold an app at its version, or do so no longer."""
        (app_id,) = app_ids([id_])
        await self._allowed(caller, "rollback", partial(self._installed, [app_id]))
        await self._service.choices.hold(app_id, caller.uid, held=hold)

    async def get_permissions(self, caller: Caller, id_: str) -> Sequence[JsonObject]:  # noqa: ARG002 - anybody may look
        """What an app asks for, what was approved and what was overridden, and by whom."""
        (app_id,) = app_ids([id_])
        return await self._service.choices.permissions(app_id)

    async def set_permissions(self, caller: Caller, id_: str, permissions: list[list[str]]) -> None:
        """Put these overrides in the place of all that were there."""
        (app_id,), wanted = app_ids([id_]), parse_overrides(permissions)
        await self._allowed(caller, "approve", partial(self._installed, [app_id]))
        await self._service.choices.override(app_id, caller.uid, wanted)
