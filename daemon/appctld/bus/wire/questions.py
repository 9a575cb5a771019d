# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The calls that we made and whose answer is yet to come.

Guarantees: an answer only counts when it comes from whom the question went to, or when the bus itself says
that none will come; descriptors that come with it are kept for who asked for them, and for nobody else.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from appctld.bus.wire.framing import Frame
from appctld.bus.wire.library import Message, MessageType
from appctld.system.foreign import Handed

_log = logging.getLogger(__name__)

DRIVER = "org.freedesktop.DBus"
TOO_LONG = f"{DRIVER}.Error.LimitsExceeded"


class BusCallError(Exception):
    """A call that we made was answered with an error; `name` is the D-Bus error name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


@dataclass(frozen=True)
class _Question:
    """One call; `handed` takes the descriptors of its answer, if they are wanted."""

    destination: str
    answer: asyncio.Future[Message]
    handed: list[Handed] | None


class Questions:
    """Those of one connection, by the call's serial."""

    def __init__(self) -> None:
        self._open: dict[int, _Question] = {}

    @contextmanager
    def asked(self, call: Message, handed: list[Handed] | None) -> Iterator[asyncio.Future[Message]]:
        """For the length of the block the answer to a call is awaited."""
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._open[call.serial] = _Question(str(call.destination), answer, handed)
        try:
            yield answer
        finally:
            del self._open[call.serial]

    def answered(self, message: Message, frame: Frame) -> None:
        """An answer came, to whatever it may be."""
        asked = self._open.get(message.reply_serial or 0)
        if asked is None or asked.answer.done():
            return
        lost = message.sender == DRIVER and message.message_type is MessageType.ERROR
        if message.sender != asked.destination and not lost:  # the bus itself says who can answer no more
            _log.warning("%s answered a question that went to %s", message.sender, asked.destination)
        elif frame.cut:
            asked.answer.set_exception(BusCallError(TOO_LONG, "the answer is too long"))
        else:
            _keep(frame.handed, asked.handed)
            asked.answer.set_result(message)


def _keep(handed: list[Handed], wanted: list[Handed] | None) -> None:
    if wanted is not None:
        for one in handed:
            one.keep()
            wanted.append(one)
