# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl remote export`: the file with which others can trust the same publisher.

Guarantees: only what is public leaves; the daemon reads the file back as others will, and holds it against
the remote: it brings nobody a key that does not count here. What such a file cannot say is named.
"""

import os
from pathlib import Path

from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import UNWRITABLE, Failure, usage
from appctl.programs.remote_files import RemoteFile, remote_file
from appctl.scope import Scope
from appctl.talk.wire import Json, get_str, get_strings
from appctl.terminal.output import put
from appctl.terminal.show import escape


def export(context: Context) -> int:
    """Write it, to a new file or to standard output. Raises Failure."""
    place = context.options.file
    scope, remote = _found(context)
    text = remote.exported()
    _check(context, scope, remote.name, text)
    if place != "-":
        _write(place, text)
    if context.options.json:
        told: Json = {"changed": place != "-", "file": place, "text": text, "left-out": [*remote.left_out()]}
        context.put_json(told)
    elif place == "-":
        put(text.rstrip())
    context.remark(*(f"not in the file: {escape(key)}" for key in remote.left_out()))
    return ExitCode.DONE


def _found(context: Context) -> tuple[Scope, RemoteFile]:
    name = context.options.name
    for scope in context.scopes:
        if found := remote_file(context.places, scope, name):
            return scope, found
    raise Failure("NoRemote", f"there is no remote {name}", "appctl remote list")


def _check(context: Context, scope: Scope, name: str, text: str) -> None:
    """Refuse what others could not use, and what would bring them more than is trusted here."""
    try:
        (told,) = context.call(scope, "ResolveFile", "ay", text.encode())
    except Failure as failure:
        if failure.name != "InvalidReference":
            raise
        raise Failure(
            "Failed", f"remote {name} fits in no such file: {failure.message}", f"appctl remote show {name}"
        ) from failure
    found = told if isinstance(told, dict) else {}
    if get_str(found, "change") != "none" or get_str(found, "remote") != name:
        strange = ", ".join(get_strings(found, "untrusted"))
        raise Failure(
            "Failed",
            f"the files of remote {name} hold keys that it does not trust: {strange}",
            f"appctl remote show {name}    (says which count)",
        )


def _write(place: str, text: str) -> None:
    """Write a file that was not there."""
    try:
        with Path(place).open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise usage(f"{place}: {error.strerror}", UNWRITABLE) from error
