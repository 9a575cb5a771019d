# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The strings of a call's options: each has its grammar, or is at least a line that may be shown to somebody.

Guarantees that an option which this file does not know is a short line without control characters, changes
of direction and zero width, so that a new one is safe before anybody thought of it. An empty string is none.
What is said by logins is between their owner and the registry: it is not looked at, and never shown.
"""

import re
from collections.abc import Callable, Mapping

from appctld.config.remote import check_name
from appctld.config.urls import parse_prefix
from appctld.errors import BadManifest, InvalidReference, LimitExceeded
from appctld.model.appid import is_app_id
from appctld.model.digest import Digest

TEXT_LENGTH = 1024  # of a text without a grammar: the longest that has one is a reference, with as many

SECRETS = frozenset({"username", "password", "identity-token"})
SCOPES = frozenset({"system", "user"})
_ARCH = re.compile(r"[a-z0-9_]{1,32}")
_HASH = re.compile(r"[0-9a-f]{64}")


def check_texts(options: Mapping[str, object]) -> None:
    """Raise InvalidReference or LimitExceeded for a string outside its grammar."""
    for key, value in options.items():
        if key not in SECRETS:
            _check(key, value)


def check_text(key: str, text: str) -> None:
    """The same for one string."""
    if text:
        GRAMMARS.get(key, _line)(key, text)


def _check(key: str, value: object) -> None:
    if isinstance(value, str):
        check_text(key, value)
    elif isinstance(value, Mapping):
        check_texts(value)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(key, item)


def _line(key: str, text: str) -> None:
    if not text.isprintable():
        raise InvalidReference(f"{key} holds characters that cannot be printed")
    if len(text) > TEXT_LENGTH:
        raise LimitExceeded(f"{key} has {len(text)} characters, {TEXT_LENGTH} are allowed")


def _digest(key: str, text: str) -> None:
    try:
        Digest.parse(text)
    except BadManifest as error:
        raise InvalidReference(f"{key} is sha256: and 64 hexadecimal digits") from error


def _hash(key: str, text: str) -> None:
    if not _HASH.fullmatch(text):
        raise InvalidReference(f"{key} is 64 hexadecimal digits, as they were shown")


def _scope(key: str, text: str) -> None:
    if text not in SCOPES:
        raise InvalidReference(f"{key} is system or user")


def _arch(key: str, text: str) -> None:
    if not _ARCH.fullmatch(text):
        raise InvalidReference(f"{key} is an architecture as OCI writes it, like arm64")


def _app_id(key: str, text: str) -> None:
    if not is_app_id(text):
        raise InvalidReference(f"{key} is an application ID, like org.example.App")


def _host(key: str, text: str) -> None:
    _line(key, text)
    parse_prefix(text, text)


GRAMMARS: Mapping[str, Callable[[str, str], object]] = {
    "arch": _arch,
    "as-id": _app_id,
    "remote": lambda _key, text: check_name(text),
    "expected-digest": _digest,
    "accept-permissions": _hash,
    "host": _host,
    "ids": _app_id,
    "scope": _scope,
}
"""Of an option's key, wherever it stands; of a list of strings that of each."""
