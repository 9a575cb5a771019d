# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What stands in one D-Bus message: its headers, its plain values, and what it is."""

from typing import TYPE_CHECKING

from appctl.talk.wire import Json, JsonValue, plain, split

if TYPE_CHECKING:
    from jeepney import Message

DRIVER = "org.freedesktop.DBus"  # the bus itself; nobody else can own this name


def is_reply(message: "Message", serial: int, name: str) -> bool:
    """Whether a message answers the call to `name` of that serial; signals can have a serial in them too."""
    from jeepney import MessageType

    return (
        message.header.message_type in {MessageType.method_return, MessageType.error}
        and header(message, "reply_serial") == str(serial)
        and header(message, "sender") in {name, DRIVER}
    )


def is_undelivered(answer: "Message") -> bool:
    """Whether the bus says that there is nobody of that name."""
    kind = header(answer, "error_name").removeprefix(f"{DRIVER}.Error.")
    return header(answer, "sender") == DRIVER and kind in {"ServiceUnknown", "NameHasNoOwner"}


def is_about_owner(message: "Message") -> bool:
    """Whether the bus says that a name changed hands."""
    return header(message, "sender") == DRIVER and header(message, "member") == "NameOwnerChanged"


def header(message: "Message", field: str) -> str:
    """Return a header field as text; empty without."""
    from jeepney import HeaderFields

    return str(message.header.fields.get(HeaderFields[field], ""))


def values(message: "Message") -> list[JsonValue]:
    """Return the body as plain values."""
    kinds = split(header(message, "signature"))
    return [plain(kind, value) for kind, value in zip(kinds, message.body, strict=True)]


def as_object(value: JsonValue) -> Json:
    """Return a dictionary, or an empty one."""
    return value if isinstance(value, dict) else {}


def changes(message: "Message") -> Json:
    """Return what a PropertiesChanged says, or that a JobFinished says the job's end."""
    body = values(message)
    if header(message, "member") == "JobFinished":
        return {"State": body[1]}
    return as_object(body[1])
