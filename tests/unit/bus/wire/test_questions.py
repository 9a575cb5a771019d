# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Our own calls: whose answer counts, and whose the descriptors are that come with it."""

import asyncio
import os

import pytest

from appctld.bus.wire.framing import Frame
from appctld.bus.wire.library import Message, MessageType
from appctld.bus.wire.questions import DRIVER, BusCallError, Questions
from appctld.system.foreign import Handed

SERIAL = 4711


def call() -> Message:
    """One of ours, to :1.5."""
    return Message(":1.5", "/", "a.b", "C", serial=SERIAL)


def answer_from(sender: str, serial: int = SERIAL) -> Message:
    """A reply that `sender` made."""
    return Message(
        message_type=MessageType.METHOD_RETURN, reply_serial=serial, sender=sender, signature="u", body=[0]
    )


def frame(*handed: Handed, cut: bool = False) -> Frame:
    return Frame(b"", cut, list(handed))


def handed() -> Handed:
    return Handed(os.open(os.devnull, os.O_RDONLY))


def is_open(one: Handed) -> bool:
    try:
        os.close(one.duplicate())
    except OSError:
        return False
    return True


def test_an_answer_counts_only_from_whom_was_asked() -> None:
    async def scenario() -> None:
        questions = Questions()
        with questions.asked(call(), None) as waiting:
            for sender in (":1.6", DRIVER):
                questions.answered(answer_from(sender), frame())
                assert not waiting.done()
            questions.answered(answer_from(":1.5"), frame())
            assert waiting.done()
            questions.answered(answer_from(":1.5"), frame())  # once more, and one that nobody waits for
            questions.answered(answer_from(":1.5", SERIAL + 1), frame())

    asyncio.run(scenario())


def test_an_answer_that_is_too_long_is_an_error() -> None:
    async def scenario() -> None:
        questions = Questions()
        with questions.asked(call(), None) as waiting:
            questions.answered(answer_from(":1.5"), frame(cut=True))
            with pytest.raises(BusCallError, match="too long"):
                await waiting

    asyncio.run(scenario())


@pytest.mark.parametrize("sender", [":1.5", ":1.6"])
def test_descriptors_are_for_who_asked_for_them_and_only_from_whom_was_asked(sender: str) -> None:
    async def scenario() -> None:
        questions, taken, one = Questions(), list[Handed](), handed()
        with questions.asked(call(), taken):
            questions.answered(answer_from(sender), frame(one))
        one.drop()  # as the connection does with what nobody keeps
        assert (taken, is_open(one)) == (([one], True) if sender == ":1.5" else ([], False))
        one.close()

    asyncio.run(scenario())


def test_who_asked_for_none_gets_none() -> None:
    async def scenario() -> None:
        questions, one = Questions(), handed()
        with questions.asked(call(), None):
            questions.answered(answer_from(":1.5"), frame(one))
        one.drop()
        assert not is_open(one)

    asyncio.run(scenario())
