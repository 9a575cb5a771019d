# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Read `policy.d`: every file `*.conf` of one directory, INI with one section, `[policy]`.

Guarantees: what cannot be read or understood is PolicyDenied with the file and the line, for whoever asks
whether something may be installed: a policy with a slip of the pen is no policy that allows everything. No
directory is no policy. Read anew at every call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from appctld.config.directory import is_layout, parse_layout
from appctld.config.ini import IniError, line_of, read_section
from appctld.config.policy.rules import Place, Policy, PolicyFile
from appctld.config.reader import Reader
from appctld.config.remotes import files_in, read_limited
from appctld.config.repository import is_repository, parse_repository
from appctld.config.urls import parse_url
from appctld.errors import Failed, InvalidReference, PolicyDenied
from appctld.model.automatic import Extent
from appctld.model.denial import parse_denial

SECTION = "policy"
FILES = 100  # people keep a handful; whatever is installed, each step that asks reads them all anew
FILE_BYTES = 64 << 10  # as a remote's: a thousand places
AUTOMATIC = "automatic-updates"
KEYS = ("allow-remotes", "require-signatures", "deny-permissions", "user-scope", "max-size", AUTOMATIC)
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
        places=text.each("allow-remotes", _place),
        signatures=text.value("require-signatures", partial(Reader.boolean, default=False)),
        denials=text.each("deny-permissions", parse_denial) or (),
        user_scope=text.value("user-scope", partial(Reader.boolean, default=True)),
        max_size=text.value("max-size", Reader.size),
        automatic=text.value(AUTOMATIC, _extent) if AUTOMATIC in text.settings else None,
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

    def value(self, key: str, read: Callable[[Reader, str], T]) -> T:
        try:
            return read(Reader(self.settings), key)
        except InvalidReference as error:
            raise self.wrong(key, str(error)) from error

    def each(self, key: str, read: Callable[[str], T]) -> tuple[T, ...] | None:
        return self.value(key, lambda reader, key: reader.each(key, read))

    def wrong(self, key: str, what: str) -> PolicyDenied:
        return _wrong(self.path, line_of(self.data, key), what)


def _wrong(path: Path, line: int, what: str) -> PolicyDenied:
    where = f"{path}:{line}" if line else str(path)
    return PolicyDenied(f"{where}: {what}", path=str(path), line=line, hint=_HINT)


def _extent(reader: Reader, key: str) -> Extent:
    return Extent(reader.choice(key, tuple(Extent)))


def _place(text: str) -> Place:
    if is_layout(text):
        return parse_layout(text)
    if is_repository(text):
        return parse_repository(text)
    return parse_url(text, insecure=True)[0]  # how it is reached is the remote's to say
