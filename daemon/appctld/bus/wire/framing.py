# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Cuts what the bus sends into messages, before the library reads a byte of them.

Guarantees: of a message that is too long, or takes too long to read (cost.py), the header alone is given;
what the D-Bus specification asks to ignore (types and flags of a later version) can be told and does no harm;
descriptors that come along are put away at once, and stay with their message. What a message says is left to
the library.
"""

import socket
import struct
from dataclasses import dataclass

from appctld.bus.wire.cost import is_affordable
from appctld.system.foreign import Handed

MESSAGE_BYTES = (1 << 20) + (
    256 << 10
)  # a remote's CA with its keys and settings; others are cost.SHORT_BYTES
HEADER_BYTES = 4 << 10  # six names of at most 255 bytes, and a path; who sends a longer one gets no answer
DESCRIPTORS = 4  # a bundle is one, and each costs a thread for a moment; the kernel closes those above

_FIXED = 16  # bytes before the header's fields, the lengths of all that follows among them
_PIECE = 256 << 10  # read at once
_FLAGS = 0x7  # the specification's; others have no meaning yet
_TYPES = frozenset({1, 2, 3, 4})  # likewise
_BODY, _NO_BODY = 4, bytes(4)  # where its length is, and what that is where there is none


class FramingError(ConnectionError):
    """What comes is no D-Bus: where the next message begins cannot be known."""


@dataclass(frozen=True)
class Frame:
    """One message; `cut` where it takes too much to read, and this is its header with a body of no bytes."""

    raw: bytes
    cut: bool
    handed: list[Handed]

    @property
    def is_known(self) -> bool:
        """Whether the specification knows such messages; others are to be ignored."""
        return self.raw[1] in _TYPES and len(self.raw) > _FIXED


class Framing:
    """Reads one message after the other from a socket that does not block."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source
        self._kept = bytearray()
        self._passed = 0
        self._handed: list[Handed] = []

    def next(self) -> Frame | None:
        """The next message, or None while some of it is yet to come. Raises OSError and EOFError."""
        if not self._keep(_FIXED):
            return None
        header, whole = _lengths(self._kept)
        kept = _FIXED if header > HEADER_BYTES else header if whole > MESSAGE_BYTES else whole
        if not (self._keep(kept) and self._pass_over(whole - kept)):
            return None
        self._kept[2] &= _FLAGS
        raw = bytes(self._kept)
        cut = kept < whole or not is_affordable(raw, header)
        if cut:
            raw = raw[:_BODY] + _NO_BODY + raw[_BODY + len(_NO_BODY) : header]
        frame = Frame(raw, cut, self._handed)
        self._kept, self._passed, self._handed = bytearray(), 0, []
        return frame

    def close(self) -> None:
        """Nothing more will be read."""
        for one in self._handed:
            one.drop()

    def _keep(self, length: int) -> bool:
        while len(self._kept) < length:
            piece = self._receive(length - len(self._kept))
            if piece is None:
                return False
            self._kept += piece
        return True

    def _pass_over(self, length: int) -> bool:
        while self._passed < length:
            piece = self._receive(length - self._passed)
            if piece is None:
                return False
            self._passed += len(piece)
        return True

    def _receive(self, most: int) -> bytes | None:
        """Some bytes, never one of the next message: its descriptors come with its first."""
        room = socket.CMSG_LEN(DESCRIPTORS * struct.calcsize("i"))
        try:
            piece, ancillary, _, _ = self._source.recvmsg(min(most, _PIECE), room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        for _level, _kind, data in ancillary:
            numbers = data[: len(data) - len(data) % struct.calcsize("i")]
            self._handed += [Handed(number) for (number,) in struct.iter_unpack("i", numbers)]
        if not piece:
            raise EOFError("the bus closed the connection")
        return piece


def _lengths(fixed: bytes | bytearray) -> tuple[int, int]:
    """Bytes of the header and of the whole message (D-Bus specification, "Message Format")."""
    order = {ord("l"): "<", ord("B"): ">"}.get(fixed[0])
    if order is None or fixed[3] != 1:
        raise FramingError("the bus sends something that is no D-Bus message")
    body, _serial, fields = struct.unpack_from(f"{order}III", fixed, 4)
    header = _FIXED + (fields + 7) // 8 * 8
    return header, header + body
