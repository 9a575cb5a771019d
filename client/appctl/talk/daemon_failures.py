# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an error reply means, and how it is told that the daemon cannot be reached, or went away."""

from typing import TYPE_CHECKING

from appctl.failure import Failure
from appctl.scope import Scope
from appctl.talk.messages import values
from appctl.talk.outcome import ERROR
from appctl.talk.wire import JsonValue

if TYPE_CHECKING:
    from jeepney import Message

_UNREACHABLE = frozenset(
    f"org.freedesktop.DBus.Error.{name}"
    for name in ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected", "Timeout", "TimedOut")
)
_LOOK = {  # where the bus is there, and the daemon is not: what it lacks, a look at this machine tells
    Scope.SYSTEM: "appctl doctor, or systemctl status appctl; for your own apps: appctl --user",
    Scope.USER: "appctl --user doctor, or journalctl --user -u appctl",
}
# Of a daemon that the bus could not start, by itself or through systemd: a mask, a program that ends at once.
_NOT_STARTED = ("org.freedesktop.DBus.Error.Spawn.", "org.freedesktop.systemd1.")


def failure_of(scope: Scope, name: str, message: "Message") -> Failure:
    """Make the Failure of an error reply: a sentence, and perhaps a second line with a hint."""
    body: list[JsonValue] = [*values(message), ""]
    text, _, hint = str(body[0]).partition("\nhint: ")
    if name in _UNREACHABLE or name.startswith(_NOT_STARTED):
        return unavailable(scope, text, _LOOK[scope])
    if name == "org.freedesktop.DBus.Error.AccessDenied":
        return Failure("NotAuthorized", text, "ask the administrator of this machine")
    return Failure(name.removeprefix(ERROR).rpartition(".")[2], text, hint)


def unavailable(scope: Scope, why: str, look: str = "") -> Failure:
    """Make the Failure for a bus that cannot be reached, or a daemon on it, for which `look` is the hint."""
    bus, hint = (
        ("system", "systemctl status appctl; for your own apps: appctl --user")
        if scope is Scope.SYSTEM
        else ("session", "is there a session bus? echo $DBUS_SESSION_BUS_ADDRESS")
    )
    message = f"the appctl daemon cannot be reached on the {bus} bus: {why}"
    return Failure("DaemonUnavailable", message, look or hint)


def unreachable(scope: Scope, error: Exception) -> Failure:
    """Make it of what was raised on the way to the bus, in the words of people."""
    said = error.strerror if isinstance(error, OSError) else ""
    return unavailable(scope, said or str(error))


def gone() -> Failure:
    """Make the Failure for a daemon that went away in the middle of a job."""
    return Failure(
        "DaemonUnavailable",
        "the appctl daemon went away while it worked",
        "the command can be repeated: what is installed is whole, and what was fetched is kept",
    )
