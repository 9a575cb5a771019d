# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The logins that an administrator keeps for the jobs of root and of the timers: `auth.json` of the system.

The format is containers-auth.json(5), of which only `auths` is read: no helper is started here. Guarantees: a
file that every user could read is refused; what cannot be read is an error, never "no login".
"""

import base64
import binascii
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from appctld.errors import RegistryAuth
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_str, parse_object
from appctld.model.login import Login

FILE_BYTES = 1 << 20  # as the client takes; real ones are some entries of 200 bytes
_OTHERS = 0o007
_ALIASES = {"index.docker.io": "docker.io", "registry-1.docker.io": "docker.io"}


def kept_logins(path: Path) -> tuple[Login, ...]:
    """What is kept there; nothing where there is no file. Raises RegistryAuth."""
    data = _read(path)
    if data is None:
        return ()
    try:
        return tuple(_parsed(parse_object(data, FILE_BYTES) if data.strip() else {}))
    except JsonError as error:
        raise _unusable(path, str(error)) from error


def _read(path: Path) -> bytes | None:
    try:
        with open(path, "rb", opener=_as_it_stands) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise _unusable(path, "it is no regular file")
            if mode & _OTHERS:
                raise _unusable(path, "every user may read or change it", hint=f"chmod 640 {path}")
            return file.read(FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from error


def _as_it_stands(path: str, flags: int) -> int:
    """Open it without following a link, and without waiting for who writes into a FIFO."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _parsed(content: JsonObject) -> Iterator[Login]:
    auths = get_object(content, "auths", {})
    for key in auths:
        if secret := _secret(get_object(auths, key), key):
            yield Login(_place(key), secret)


def _place(key: str) -> str:
    """An entry's key as `host[:port][/path]`: docker writes URLs."""
    text = re.sub(r"^https?://", "", key).rstrip("/")
    host, slash, path = re.sub(r"/v[12]$", "", text).partition("/")
    return f"{_ALIASES.get(host, host)}{slash}{path}"


def _secret(entry: JsonObject, key: str) -> JsonObject | None:
    """What an entry says; an empty one (docker writes them for helpers) says nothing. Raises JsonError."""
    if token := get_str(entry, "identitytoken", ""):
        return {"identity_token": token}
    encoded = get_str(entry, "auth", "")
    if not encoded:
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise JsonError(f"the login for {key} is no base64 of a text") from None
    username, colon, password = text.partition(":")
    if not colon or not username:
        raise JsonError(f"the login for {key} is no user and password")
    return {"username": username, "password": password.rstrip("\0")}


def _unusable(path: Path, why: str, hint: str = "sudo appctl login --system HOST") -> RegistryAuth:
    return RegistryAuth(f"{path} cannot be used: {why}", hint=hint, path=str(path))
