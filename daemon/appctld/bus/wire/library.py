# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The D-Bus library, named in one place: dbus-next, or dbus-fast where APPCTL_DBUS=fast asks for it.

Taken from it: how a bus is found and we are let in, and what a message is, as a value and as bytes. Its own
reader and writer are not (ADR 40). Guarantees that no other module names either, and that what a library
remembers of signatures stays small. What to do with messages is left to connection.py.
"""

import asyncio
import io
import os
import socket
from typing import TYPE_CHECKING, Any

SIGNATURES = 128  # remembered at once; our own are some 50, a caller's may cost 90 KB each

if TYPE_CHECKING or os.environ.get("APPCTL_DBUS") != "fast":
    from dbus_next._private.unmarshaller import Unmarshaller
    from dbus_next.aio.message_bus import MessageBus
    from dbus_next.constants import BusType, MessageFlag, MessageType
    from dbus_next.message import Message
    from dbus_next.signature import SignatureTree, Variant

    def remembered() -> int:
        """How many signatures the library remembers."""
        return len(SignatureTree._cache)  # noqa: SLF001

    _forget = SignatureTree._cache.clear  # noqa: SLF001
else:
    try:
        from dbus_fast._private.unmarshaller import Unmarshaller
    except ModuleNotFoundError as error:
        raise ImportError("APPCTL_DBUS=fast needs dbus-fast: pip install 'appctl[fast]'") from error
    from dbus_fast.aio.message_bus import MessageBus
    from dbus_fast.constants import BusType, MessageFlag, MessageType
    from dbus_fast.message import Message
    from dbus_fast.signature import Variant, get_signature_tree

    def remembered() -> int:
        """How many signatures the library remembers."""
        return get_signature_tree.cache_info().currsize

    _forget = get_signature_tree.cache_clear

_MESSAGE_BUS: Any = MessageBus
_UNMARSHALLER: Any = Unmarshaller

__all__ = ["Message", "MessageFlag", "MessageType", "Variant", "as_bytes", "as_message", "dial"]


async def dial(address: str | None = None, *, system: bool = False) -> tuple[socket.socket, str]:
    """A socket on which the bus knows us, and the unique name that it gave us.

    Without an address it is the system or the session bus of the environment. Raises OSError and the
    library's AuthError when there is none or it refuses.
    """
    kind = BusType.SYSTEM if system else BusType.SESSION
    bus: Any = _MESSAGE_BUS(address, kind, negotiate_unix_fd=True)
    await bus.connect()
    loop = asyncio.get_running_loop()
    loop.remove_reader(bus._fd)  # noqa: SLF001 - from here on we read and write ourselves
    loop.remove_writer(bus._fd)  # noqa: SLF001
    ours: socket.socket = bus._sock.dup()  # noqa: SLF001
    ours.settimeout(0)
    bus._stream.close()  # noqa: SLF001
    bus._sock.close()  # noqa: SLF001
    return ours, str(bus.unique_name)


def as_message(raw: bytes) -> Message:
    """One whole message; raises whatever the library does when it cannot read it."""
    reader = _UNMARSHALLER(io.BytesIO(raw))
    reader.unmarshall()
    if remembered() > SIGNATURES:
        _forget()
    message: Message | None = reader.message
    if message is None:
        raise ValueError("not the whole message")
    return message


def as_bytes(message: Message) -> bytes:
    """The message for the wire; raises whatever the library does when its body does not fit."""
    marshall: Any = message._marshall  # noqa: SLF001
    return bytes(marshall(False))  # noqa: FBT003 - no descriptors
