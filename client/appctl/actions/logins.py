# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl login`, `appctl logout`: the caller's login for a registry, in the file that podman and skopeo use.

Guarantees: a password is never an argument and never echoed; it goes into a file that only the caller may
read, and nowhere else. The registry is not asked: a wrong one is told with the next install.
"""

import getpass
import re
import sys

from appctl.auth_files import forget, remember
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Declined, usage
from appctl.terminal.ask import can_ask
from appctl.terminal.show import escape, note

PASSWORD_BYTES = 64 << 10  # identity tokens of clouds have some 3 KiB
_HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?(/[a-z0-9._-]+)*")


def login(context: Context) -> int:
    """Ask for user and password, and keep them. Raises Failure."""
    host = _host(context)
    username, password = _username(context), _password(context)
    path = remember(context.places, host, username, password)
    if context.options.json:
        context.put_json({"changed": True, "host": host, "file": str(path)})
    context.say(f"Kept the login for {host} in {escape(str(path))}.")
    return ExitCode.DONE


def logout(context: Context) -> int:
    """Forget what is kept for a host, in whichever file it is. Raises Failure."""
    host = _host(context)
    changed = forget(context.places, host)
    if context.options.json:
        context.put_json({"changed": changed, "host": host})
    context.say(f"Forgot the login for {host}." if changed else f"There is no login for {host}.")
    return ExitCode.DONE


def _host(context: Context) -> str:
    if context.options.scope == "system":
        raise usage("logins of the system are not part of this version", "log in as the user who installs")
    host = str(context.options.host)
    if not _HOST.fullmatch(host):
        raise usage(f"{host!r} is no HOST[:PORT]", "appctl login registry.example")
    return host


def _username(context: Context) -> str:
    username = context.options.username
    if username is None:
        _need_a_person(context, "--username NAME --password-stdin")
        note("User: ", end="")
        username = sys.stdin.readline().rstrip("\n")
    if not username or ":" in username or not username.isprintable():
        raise usage("a user has a name, without a colon", "appctl login --help")
    return str(username)


def _password(context: Context) -> str:
    if context.options.password_stdin:
        text = sys.stdin.read(PASSWORD_BYTES + 1).rstrip("\n")
    else:
        _need_a_person(context, "--password-stdin")
        try:
            text = getpass.getpass("Password: ", stream=sys.stderr)
        except EOFError:
            raise Declined from None
    if not text or len(text) > PASSWORD_BYTES:
        raise usage("there is no password, or it is longer than any", "appctl login --help")
    if any("\ud800" <= character <= "\udfff" for character in text):  # bytes that are no characters
        raise usage("the password is not UTF-8", "appctl login --help")
    return text


def _need_a_person(context: Context, hint: str) -> None:
    if not can_ask(context.options):
        raise usage("a person must type this at a terminal", hint)
