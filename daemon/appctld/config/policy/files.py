# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Read `policy.d`: every file `*.conf` of one directory, INI with one section, `[policy]`.

Guarantees: what cannot be read or understood is PolicyDenied with the file and the line, for whoever asks
whether something may be installed: a policy with a slip of the pen is no policy that allows everything. No
directory is no policy. Read anew at every call.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from appctld.config.directory import is_layout, parse_layout
from appctld.config.ini import IniError, line_of, read_section
from appctld.config.policy.rules import Place, Policy, PolicyFile
from appctld.config.remotes import files_in, read_limited
from appctld.config.repository import is_repository, parse_repository
from appctld.config.urls import parse_url
from appctld.errors import Failed, InvalidReference, PolicyDenied
from appctld.model.denial import parse_denial

SECTION = "policy"
FILES = 100  # people keep a handful; every install reads them all, twice
FILE_BYTES = 64 << 10  # as a remote's: a thousand places
KEYS = ("allow-remotes", "require-signatures", "deny-permissions", "user-scope", "max-size")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"([1-9][0-9]{0,5})([KMGT])")
_HINT = "the administrator has to mend that file; until then nothing is installed or updated"
T = TypeVar("T")


def load_policy(directory: Path, scope: str) -> Policy:
    """What holds in a scope now. Raises PolicyDenied."""
    try:
        files = tuple(read_policy(path, read_limited(path, FILE_BYTES) or b"") for path in _files(directory))
    except Failed as error:
        raise PolicyDenied(error.message, hint=_HINT, **error.data) from error
    return Policy(files, scope)


def _files(directory: Path) -> list[Path]:
    paths = files_in(directory)
    if not paths and directory.is_symlink() and not directory.exists():
        raise Failed(f"{directory} leads nowhere", path=str(directory))
    if len(paths) > FILES:
        raise Failed(f"{directory} has more than {FILES} files", path=str(directory))
    return paths


def read_policy(path: Path, data: bytes) -> PolicyFile:
    """What one file says. Raises PolicyDenied with its line."""
    text = _Text.read(path, data)
    return PolicyFile(
        path,
        places=text.value("allow-remotes", _each(_place), None),
        signatures=text.value("require-signatures", _boolean, False),  # noqa: FBT003 - a default
        denials=text.value("deny-permissions", _each(parse_denial), ()),
        user_scope=text.value("user-scope", _boolean, True),  # noqa: FBT003 - a default
        max_size=text.value("max-size", _size, 0),
    )


@dataclass(frozen=True, slots=True)
class _Text:
    """A file as keys and texts."""

    path: Path
    data: bytes
    settings: dict[str, str]

    @classmethod
    def read(cls, path: Path, data: bytes) -> "_Text":
        try:
            text = cls(path, data, read_section(data, SECTION))
        except IniError as error:
            raise _wrong(path, error.line, str(error)) from error
        for key, value in text.settings.items():
            if key not in KEYS:
                raise text.wrong(key, f"'{key[:80]}' is no key of a policy")
            if not value or not value.isprintable():
                raise text.wrong(key, f"'{key}' is not one line of text")
        return text

    def value(self, key: str, read: Callable[[str], T], default: T) -> T:
        if key not in self.settings:
            return default
        try:
            return read(self.settings[key])
        except InvalidReference as error:
            raise self.wrong(key, f"{key}: {error}") from error

    def wrong(self, key: str, what: str) -> PolicyDenied:
        return _wrong(self.path, line_of(self.data, key), what)


def _wrong(path: Path, line: int, what: str) -> PolicyDenied:
    where = f"{path}:{line}" if line else str(path)
    return PolicyDenied(f"{where}: {what}", path=str(path), line=line, hint=_HINT)


def _each(read: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Read words with blanks or commas between them; nothing but those is an error."""

    def words(text: str) -> tuple[T, ...]:
        found = [word for word in re.split(r"[ ,]+", text) if word]
        if not found:
            raise InvalidReference("nothing is named")
        return tuple(map(read, found))

    return words


def _place(text: str) -> Place:
    if is_layout(text):
        return parse_layout(text)
    if is_repository(text):
        return parse_repository(text)
    return parse_url(text, insecure=True)[0]  # how it is reached is the remote's to say


def _boolean(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise InvalidReference(f"'{text[:80]}' is neither yes nor no")
    return text == "yes"


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match:
        raise InvalidReference(f"'{text[:80]}' is no size with a unit of 1024: 500M, 2G")
    return int(match[1]) * _UNITS[match[2]]
