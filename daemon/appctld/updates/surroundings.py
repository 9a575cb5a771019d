# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What of the machine around it makes an update wait that nobody asked for, and who knows about it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the machine's services say; what none of them says is not so."""

    metered: bool = False
    """Bytes cost money here (NetworkManager)."""
    on_battery: bool = False
    """Nothing feeds the battery, or it is nearly empty (UPower)."""
    going_down: bool = False
    """The machine is about to sleep or to shut down (logind)."""


class Machine(Protocol):
    """Whom to ask."""

    async def surroundings(self) -> Surroundings:
        """How it is now; within about a minute, whatever the services do."""
        ...
