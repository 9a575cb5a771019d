# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a bus sends, however it comes in pieces, is cut into its messages."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.bus.wire.framing import DESCRIPTORS, HEADER_BYTES, MESSAGE_BYTES, Frame, Framing, FramingError
from appctld.bus.wire.library import Message, MessageFlag, MessageType, Variant, as_bytes, as_message
from flooding import messages
from support.descriptors import open_descriptors

Ends = tuple[socket.socket, Framing]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The bus's end, and what reads ours."""
    theirs, ours = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(0)
    with theirs, ours:
        yield theirs, Framing(ours)


def call(member: str = "C", signature: str = "", *body: object) -> bytes:
    return as_bytes(Message("a.b", "/", "a.b", member, signature=signature, body=list(body), serial=7))


def sent(ends: Ends, message: bytes, piece: int = 65536) -> list[Frame]:
    """What is read when it arrives in such pieces."""
    theirs, framing = ends
    found = []
    for start in range(0, len(message), piece):
        theirs.sendall(message[start : start + piece])
        while (frame := framing.next()) is not None:
            found.append(frame)
    return found


@pytest.mark.parametrize("piece", [1, 7, 16, 1000])
def test_messages_are_cut_apart_however_they_come(ends: Ends, piece: int) -> None:
    whole = [call("One", "s", "x" * 300), call("Two"), call("Three", "as", ["y"])]
    frames = sent(ends, b"".join(whole), piece)
    assert [frame.raw for frame in frames] == whole
    assert not any(frame.cut for frame in frames)


def test_of_a_message_that_is_too_long_the_header_is_left_and_the_next_is_whole(ends: Ends) -> None:
    settings = {"ca": Variant("ay", b"x" * MESSAGE_BYTES)}
    first, second = sent(ends, call("Long", "sa{sv}", "acme", settings) + call("Next"))
    assert first.cut
    message = as_message(first.raw)
    assert (message.member, message.serial, message.body) == ("Long", 7, [])
    assert (second.raw, second.cut) == (call("Next"), False)


def test_of_a_message_that_takes_too_long_to_read_the_header_is_left(ends: Ends) -> None:
    first, second = sent(ends, messages.signatures(1 << 16, 1) + call("Next"))
    assert first.cut
    assert as_message(first.raw).member == "Install"
    assert not second.cut


def test_of_a_header_that_is_too_long_nothing_is_left(ends: Ends) -> None:
    path = "/" + "a" * HEADER_BYTES
    first, second = sent(ends, as_bytes(Message("a.b", path, "a.b", "C", serial=7)) + call("Next"))
    assert not first.is_known
    assert second.raw == call("Next")


def test_types_of_a_later_version_are_told_and_flags_are_taken_off(ends: Ends) -> None:
    plain = bytearray(call())
    plain[1], plain[2] = 9, 0xFF
    (frame,) = sent(ends, bytes(plain))
    assert not frame.is_known
    plain[1] = MessageType.METHOD_CALL.value
    (frame,) = sent(ends, bytes(plain))
    assert frame.is_known
    assert as_message(frame.raw).flags == MessageFlag(7)


@pytest.mark.parametrize("change", [(0, ord("x")), (3, 2)], ids=["order", "version"])
def test_what_is_no_message_is_an_error(ends: Ends, change: tuple[int, int]) -> None:
    at, value = change
    broken = bytearray(call())
    broken[at] = value
    with pytest.raises(FramingError):
        sent(ends, bytes(broken))


def test_the_other_order_of_bytes_is_read(ends: Ends) -> None:
    body = struct.pack(">I", 1) + b"x\0"
    header = b"B\4\0\1" + struct.pack(">III", len(body), 7, 0)
    (frame,) = sent(ends, header + body)
    assert frame.raw == header + body


def test_a_bus_that_hangs_up_is_an_end(ends: Ends) -> None:
    theirs, framing = ends
    theirs.sendall(call()[:20])
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        framing.next()


def test_descriptors_are_put_away_before_the_rest_of_their_message_came(ends: Ends) -> None:
    theirs, framing = ends
    with Path("/dev/null").open("rb") as file:
        socket.send_fds(theirs, [call()[:1]], [file.fileno()])
        before = open_descriptors()
        assert framing.next() is None
        theirs.sendall(call()[1:])
        frame = framing.next()
        assert frame is not None
        (handed,) = frame.handed
        handed.close()
        assert not [what for what in (open_descriptors().items() - before.items()) if "null" in what[1]]


def test_descriptors_stay_with_their_message(ends: Ends) -> None:
    theirs, framing = ends
    with Path("/dev/null").open("rb") as file:
        theirs.sendall(call("Without"))
        socket.send_fds(theirs, [call("With")], [file.fileno()])
        theirs.sendall(call("Without"))
        found = [framing.next() for _ in range(3)]
    assert [len(frame.handed) for frame in found if frame] == [0, 1, 0]
    for frame in found:
        for handed in frame.handed if frame else ():
            handed.close()


def test_no_more_descriptors_are_taken_than_any_call_needs(ends: Ends) -> None:
    theirs, framing = ends
    before = open_descriptors()
    with Path("/dev/null").open("rb") as file:
        socket.send_fds(theirs, [call()], [file.fileno()] * 16)
        frame = framing.next()
        assert frame is not None
        assert len(frame.handed) == DESCRIPTORS
        for handed in frame.handed:
            handed.close()
    assert open_descriptors().keys() == before.keys()


def test_descriptors_of_half_a_message_are_closed_at_the_end(ends: Ends) -> None:
    theirs, framing = ends
    before = open_descriptors()
    with Path("/dev/null").open("rb") as file:
        socket.send_fds(theirs, [call()[:8]], [file.fileno()])
        assert framing.next() is None
    framing.close()
    assert open_descriptors().keys() == before.keys()
