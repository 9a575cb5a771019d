# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The caller's login for one registry, as containers-auth.json(5) and docker keep it.

Guarantees: looked up by the caller's own process and given to nobody but the job; only the entry for that
host (or a path of it) is ever read out; a helper is a program below /usr whose name can be no path. What
cannot be read is an error, never "no login".
"""

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from appctl.context import Context
from appctl.failure import Failure
from appctl.places import Places
from appctl.references import expand, lies_here, may_be_a_ref, names_a_remote
from appctl.talk.bus import REMOTE
from appctl.talk.wire import Json, JsonValue, get_object, get_str

FILE_BYTES = 1 << 20  # real ones are some entries of 200 bytes
HELPER_SECONDS = 30  # it may ask a keyring that asks a person
HELPER_DIRECTORIES = (Path("/usr/bin"), Path("/usr/local/bin"), Path("/usr/libexec"))
_HELPER = re.compile(r"[a-z0-9-]+")
_ALIASES = {"index.docker.io": "docker.io", "registry-1.docker.io": "docker.io"}
_TOKEN_USER = "<token>"  # noqa: S105 - docker's way to say that the secret is an identity token


def logins(context: Context, references: Iterable[str]) -> list[JsonValue]:
    """Return the `registry-auth` option for these references: the caller's logins, each for one repository.

    What a person typed meanwhile comes first. Raises Failure for a broken file, or a helper that fails.
    """
    files = login_files(context.places)
    found: dict[str, JsonValue] = {}
    images = (reference for reference in references if files and _asks_a_registry(context, reference))
    for location in (_location(context, reference) for reference in images):
        if location not in found and not _is_typed(context, location) and (login := lookup(files, location)):
            found[location] = {"host": location, **login}
    return [*context.typed, *found.values()]


def _is_typed(context: Context, location: str) -> bool:
    """Whether a person typed the login for it, because what is kept did not open it."""
    return any(f"{location}/".startswith(f"{get_str(login, 'host')}/") for login in context.typed)


def login_for(places: Places, location: str) -> Json:
    """Find the caller's own login for `host[:port]/path`, for a program of the caller's. Raises Failure."""
    return lookup(login_files(places), plain_host(location))


def lookup(files: list[Json], location: str) -> Json:
    """Find the login for `host[:port]/path`, as `plain_host` has it, in the contents of auth files.

    The first file wins.
    """
    for file in files:
        entries = {plain_host(key): value for key, value in get_object(file, "auths").items()}
        for key in _candidates(location):
            entry = entries.get(key)
            if isinstance(entry, dict) and (found := _entry(entry, key)):
                return found
    host = location.partition("/")[0]
    for file in files:
        helpers = {plain_host(key): value for key, value in get_object(file, "credHelpers").items()}
        if isinstance(helper := helpers.get(host), str):
            return _ask_helper(helper, host)
    return {}


def auth_paths(places: Places) -> list[Path]:
    """Where such a file may be, in the order in which they count."""
    session = [places.runtime / "containers/auth.json"] if places.runtime else []
    return [*session, places.config / "containers/auth.json", places.home / ".docker/config.json"]


def read_file(path: Path) -> Json | None:
    """Read one of them; None if it is not there. Raises Failure."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _broken(str(path), str(error.strerror)) from error
    return parsed(path, data)


def login_files(places: Places) -> list[Json]:
    """Read those of the files that are there, in their order. Raises Failure."""
    contents = (read_file(path) for path in auth_paths(places))
    return [content for content in contents if content is not None]


def parsed(path: Path, data: bytes) -> Json:
    """Read what stands in one. Raises Failure."""
    if len(data) > FILE_BYTES:
        raise _broken(str(path), "it is too large")
    try:
        content = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _broken(str(path), "it is no JSON") from error
    if not isinstance(content, dict):
        raise _broken(str(path), "it is no JSON object")
    return content


def _asks_a_registry(context: Context, reference: str) -> bool:
    """Whether it is not of an OSTree repository or a remote's directory, for which there are no logins."""

    def remotes() -> Iterable[Json]:
        return context.bus(context.scope).objects(REMOTE).values()

    return not may_be_a_ref(reference, remotes) and not lies_here(reference, remotes)


def _location(context: Context, reference: str) -> str:
    """Return `host/path` of a reference, without tag and digest; the daemon knows the names of remotes."""
    name = reference.partition("@")[0]
    if names_a_remote(name):
        name = expand(name, context.bus(context.scope).objects(REMOTE).values())
    first, _, rest = name.partition("/")
    head, colon, tail = rest.rpartition(":")
    path = head if colon and "/" not in tail else rest
    return plain_host(f"{first}/{path}")


def plain_host(key: str) -> str:
    """Return an entry's key as `host[:port][/path]`: docker writes URLs."""
    text = re.sub(r"^https?://", "", key).rstrip("/")
    text = re.sub(r"/v[12]$", "", text)
    host, slash, path = text.partition("/")
    return f"{_ALIASES.get(host, host)}{slash}{path}"


def _candidates(location: str) -> Iterator[str]:
    """From the whole path up to the host: the most special entry wins (containers-auth.json(5))."""
    while location:
        yield location
        location = location.rpartition("/")[0]


def _entry(entry: Json, key: str) -> Json:
    """Return what an `auths` entry says; an empty one (docker writes them for helpers) says nothing."""
    if token := get_str(entry, "identitytoken"):
        return {"identity-token": token}
    encoded = get_str(entry, "auth")
    if not encoded:
        return {}
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _broken(f"the login for {key}", "it is no base64 of a text") from error
    username, colon, password = text.partition(":")
    if not colon or not username:
        raise _broken(f"the login for {key}", "it is no user and password")
    return {"username": username, "password": password.rstrip("\0")}


def _ask_helper(name: str, host: str) -> Json:
    """Ask docker-credential-NAME (docker-credential-helpers protocol). Raises Failure."""
    program = _helper(name)
    try:
        answer = subprocess.run(
            [program, "get"], input=host.encode(), capture_output=True, timeout=HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _broken(f"credential helper {name}", "it did not answer") from error
    if answer.returncode != 0:
        if b"credentials not found" in answer.stdout:
            return {}
        raise _broken(f"credential helper {name}", f"it ended with {answer.returncode}")
    content = parsed(Path(program), answer.stdout[: FILE_BYTES + 1])
    username, secret = get_str(content, "Username"), get_str(content, "Secret")
    if username == _TOKEN_USER:
        return {"identity-token": secret}
    return {"username": username, "password": secret}


def _helper(name: str) -> str:
    """Find the helper's program. Raises Failure."""
    if not _HELPER.fullmatch(name):
        raise _broken(f"credential helper {name!r}", "a name is of a-z, 0-9 and -")
    for directory in HELPER_DIRECTORIES:
        path = Path(os.path.realpath(directory / f"docker-credential-{name}"))
        if path.is_file() and path.is_relative_to("/usr"):
            return str(path)
    raise _broken(f"credential helper {name}", "there is no such program below /usr")


def _broken(what: str, why: str) -> Failure:
    return Failure("RegistryAuth", f"{what} cannot be used: {why}", "appctl help credentials")
