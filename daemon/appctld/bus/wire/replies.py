# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a call ends with when it fails: one error name, one sentence; never a traceback.

A leaf of the error tree carries its sentence, and its hint on a second line: GIO shows nothing at all of an
error whose body is more than one string. Refusals of the protocol itself are standard D-Bus errors.
"""

import logging

from appctld.bus.wire.library import Message
from appctld.bus.wire.paths import ERROR_PREFIX
from appctld.bus.wire.variants import ArgumentError, encode
from appctld.errors import AppctlError, Failed
from appctld.system.durable import storage_failure

_log = logging.getLogger(__name__)

STANDARD = "org.freedesktop.DBus.Error."


class CallRefusedError(Exception):
    """A call that D-Bus itself has an error for: UnknownMethod, InvalidArgs and others."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = STANDARD + name


def success(call: Message, signature: str, body: list[object]) -> Message:
    """The reply to a call that went well."""
    return Message.new_method_return(call, signature, body)


def failure(call: Message, error: Exception) -> Message:
    """The reply to a call that ended in `error`; what nobody foresaw goes to the journal and is Failed."""
    if isinstance(error, CallRefusedError):
        return Message.new_error(call, error.name, str(error))
    if isinstance(error, ArgumentError):
        return Message.new_error(call, f"{STANDARD}InvalidArgs", str(error))
    if not isinstance(error, AppctlError):
        _log.error("%s.%s ended in an unforeseen error", call.interface, call.member, exc_info=error)
        error = _unforeseen(error)
    return Message.new_error(call, ERROR_PREFIX + error.name, _sentence(error))


def _unforeseen(error: Exception) -> AppctlError:
    """What the kernel says is told, as of a disk that is full; of all else nothing."""
    if isinstance(error, OSError) and error.errno:
        return storage_failure(error)
    return Failed("something unforeseen went wrong")


def _sentence(error: AppctlError) -> str:
    """One line for what happened, and one for what to do when there is something."""
    lines = [" ".join(error.message.split())]
    if error.advice:
        lines.append(f"hint: {error.advice}")
    return str(encode("s", "\n".join(lines)))
