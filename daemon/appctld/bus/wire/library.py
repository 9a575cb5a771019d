# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The D-Bus library, named in one place: dbus-next and its low-level messages.

Guarantees that no other module names the library, so that another with the same message API can stand in.
What to do about its faults is left to connection.py.
"""

from dbus_next.aio.message_bus import MessageBus
from dbus_next.constants import BusType, MessageFlag, MessageType
from dbus_next.message import Message
from dbus_next.signature import Variant

__all__ = ["BusType", "Message", "MessageBus", "MessageFlag", "MessageType", "Variant"]
