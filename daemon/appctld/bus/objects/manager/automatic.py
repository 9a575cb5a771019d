# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager's members about updates that nobody asks for: how far they go, and who does them instead.

Guarantees: as the Manager's others: checked, then authorized, then done. Who may not update apps cannot say
that it handles updates, by which it would keep everybody's from being installed.
"""

from collections.abc import Mapping

from appctld.bus.caller import Caller
from appctld.bus.objects.asked import Options, details
from appctld.bus.objects.manager.part import Part
from appctld.errors import InvalidReference
from appctld.model.automatic import Extent


class AutomaticMembers(Part):
    """They are about all apps of the scope."""

    async def set_automatic_update_policy(self, caller: Caller, policy: str) -> None:
        """How far updates go by themselves from now on."""
        if policy not in set(Extent):
            raise InvalidReference(
                f"{policy[:80]!a}: it is one of {', '.join(Extent)}",
                hint="docs/software-centers.md    (each method's arguments)",
            )
        await self._allowed(caller, "set-policy", details)
        await self._service.automatic.set(Extent(policy))
        self._announcer.updates_changed()

    async def register_client(self, caller: Caller, options: Options) -> None:
        """A client says what it does itself, as long as it is on the bus."""
        handles = options.get("handles-updates") is True
        if handles:
            await self._allowed(caller, "update", details)
        await self._service.automatic.register(caller.sender, caller.uid, handles=handles)

    @property
    def automatic_update_policy(self) -> str:  # noqa: D102 - the XML says what it is
        return self._service.automatic.extent

    @property
    def last_automatic_update(self) -> Mapping[str, object]:  # noqa: D102 - the XML says what it is
        return self._service.automatic.last
