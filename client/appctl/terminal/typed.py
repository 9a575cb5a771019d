# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A login that a person types: the user's name is shown, the password never is.

Guarantees: what is returned is one that HTTP can carry; who types nothing, or ends the input, declines.
"""

import getpass
import sys

from appctl.failure import Declined, Failure, usage
from appctl.talk.wire import Json
from appctl.terminal.show import escape, note

PASSWORD_BYTES = 64 << 10  # identity tokens of clouds have some 3 KiB


def type_username() -> str:
    """Ask for a user's name. Raises Failure for what is none."""
    note("User: ", end="")
    return check_username(sys.stdin.readline().rstrip("\n"))


def type_password() -> str:
    """Ask for a password. Raises Declined at the end of the input, Failure for what is none."""
    try:
        return check_password(getpass.getpass("Password: ", stream=sys.stderr))
    except EOFError:
        raise Declined from None


def type_login(host: str, repository: str) -> Json | None:
    """Ask for a login for a registry, or say that nobody gave one."""
    note(f"{escape(host)} wants a login for {escape(repository)}.")
    try:
        return {"host": host, "username": type_username(), "password": type_password()}
    except Failure as failure:
        note(escape(failure.message))
        return None


def check_username(text: str) -> str:
    """Return the name, if it is one. Raises Failure."""
    if not text or ":" in text or not text.isprintable():
        raise usage("a user has a name, without a colon", "appctl login --help")
    return text


def check_password(text: str) -> str:
    """Return the password, if it is one. Raises Failure."""
    if not text or len(text) > PASSWORD_BYTES:
        raise usage("there is no password, or it is longer than any", "appctl login --help")
    if any("\ud800" <= character <= "\udfff" for character in text):  # bytes that are no characters
        raise usage("the password is not UTF-8", "appctl login --help")
    return text
