# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A polkit simulator behind polkitd's own D-Bus interface, for what polkitd seldom does.

For answers that the real one (polkitd.py) gives to nobody, or not when it is wanted.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from appctld.bus.wire.connection import connect
from appctld.bus.wire.library import Message, MessageType
from appctld.system.foreign import Handed

NAME = "org.freedesktop.PolicyKit1"
YES: list[object] = [True, False, {}]
NO: list[object] = [False, False, {}]
CHALLENGE: list[object] = [False, True, {}]
DISMISSED: list[object] = [False, True, {"polkit.dismissed": "true"}]


@dataclass
class SimulatedPolkit:
    """Answers CheckAuthorization with `answer`, with the error of that name, or, if it is None, never."""

    answer: list[object] | str | None = field(default_factory=lambda: YES)
    signature: str = "(bba{ss})"
    asked: list[list[object]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def handle(self, message: Message) -> Message | bool:
        """The bus calls it with every message."""
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        if message.member == "CancelCheckAuthorization":
            self.cancelled.put_nowait(message.body[0])
            return True
        self.asked.append(message.body)
        self.arrived.set()
        if self.answer is None:
            return True
        if isinstance(self.answer, str):
            return Message.new_error(message, self.answer, "simulated")
        return Message.new_method_return(message, self.signature, [self.answer])


@asynccontextmanager
async def simulated_polkit(address: str) -> AsyncIterator[SimulatedPolkit]:
    """Run one on the bus."""
    bus = await connect(address)
    polkit = SimulatedPolkit()

    def asked(message: Message, _handed: Sequence[Handed]) -> None:
        answer = polkit.handle(message)
        if isinstance(answer, Message):
            bus.post(answer)

    bus.listen(asked)
    await bus.own_name(NAME)
    try:
        yield polkit
    finally:
        await bus.close()
