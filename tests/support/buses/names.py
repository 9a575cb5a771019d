# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Services on a private bus that answer every call with the name that was called, and say who called."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call, new_method_return
from jeepney.io.blocking import DBusConnection, open_dbus_connection

_BUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
_STOP = "Stop"


@dataclass
class Services:
    """What was called, and for every call /.flatpak-info and the root of who called, as a portal looks."""

    calls: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)
    roots: list[list[str]] = field(default_factory=list)


@contextmanager
def services(address: str, names: Sequence[str]) -> Iterator[Services]:
    """Own these names for the length of the block."""
    seen = Services()
    with (
        closing(open_dbus_connection(address)) as connection,
        closing(open_dbus_connection(address)) as asking,
    ):
        for name in names:
            assert _call(connection, "RequestName", "su", name, 0) == 1, name
        thread = threading.Thread(target=_answer, args=(connection, asking, seen))
        thread.start()
        try:
            yield seen
        finally:
            with closing(open_dbus_connection(address)) as stopping:
                stopping.send(new_method_call(DBusAddress("/", names[0], "x.y"), _STOP))
            thread.join()


def _answer(connection: DBusConnection, asking: DBusConnection, seen: Services) -> None:
    while True:
        message = connection.receive()
        fields = message.header.fields
        if message.header.message_type is not MessageType.method_call:
            continue
        if fields.get(HeaderFields.member) == _STOP:
            return
        name = str(fields[HeaderFields.destination])
        if fields.get(HeaderFields.member) == "Introspect":
            connection.send(new_method_return(message, "s", ("<node/>",)))
            continue
        pid = _call(asking, "GetConnectionUnixProcessID", "s", fields[HeaderFields.sender])
        root = Path(f"/proc/{pid}/root")
        seen.calls.append(name)
        seen.infos.append((root / ".flatpak-info").read_text())
        seen.roots.append(sorted(path.name for path in root.iterdir()))
        connection.send(new_method_return(message, "s", (name,)))


def _call(connection: DBusConnection, member: str, signature: str, *body: object) -> Any:  # noqa: ANN401
    reply = connection.send_and_get_reply(new_method_call(_BUS, member, signature, body))
    return reply.body[0]
