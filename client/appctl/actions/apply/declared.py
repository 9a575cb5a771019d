# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The files of apps.d: which apps a machine is to have. Read by the caller; pure but for that.

One app is one file NAME.conf: INI, one section `[app]`, keys ref, as, hold, permissions-hash, as strict as
remotes.d. Guarantees: what cannot be meant (an unknown key, a value of another form, a reference twice) is a
Failure (Usage) that names its file, before anything was asked of anybody. What a reference leads to, and who
may, the daemon says.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appctl.actions.remotes.introduction import is_publisher_file
from appctl.caller_files import read_regular
from appctl.failure import UNREADABLE, Failure, usage
from appctl.programs.remote_files import FILE_BYTES, counts, parse_settings
from appctl.running.deployments.runfile import is_id
from appctl.terminal.show import escape

FILES = 1000  # apps of one machine: the largest fleets' have some hundreds, and each may take a question
TEXT_LENGTH = 2000  # characters of a value: a reference with a digest has at most about 500
KEYS = ("ref", "as", "hold", "permissions-hash")
_HASH = re.compile(r"[0-9a-f]{64}")
_SWITCH = {"yes": True, "no": False}


@dataclass(frozen=True)
class Declared:
    """One app that is to be here. Empty texts, and a `hold` of None, leave that as it is."""

    file: Path
    reference: str
    as_id: str = ""
    hold: bool | None = None
    permissions_hash: str = ""


def declared(place: Path, *, needed: bool) -> list[Declared]:
    """Read one file, or every *.conf of a directory in the order of their names. Raises Failure (Usage).

    A directory that is not there holds nothing, unless it is `needed`.
    """
    found = [parse(path, read_regular(path, FILE_BYTES)) for path in _files(place, needed=needed)]
    check_once("ref", ((one.reference, one.file) for one in found))
    check_once("as", ((one.as_id, one.file) for one in found if one.as_id))
    return found


def check_once(what: str, named: Iterable[tuple[str, Path]]) -> None:
    """Raise Failure (Usage) where two files name the same."""
    first: dict[str, Path] = {}
    for name, file in named:
        if name in first:
            raise wrong(file, f"{what}={name} stands in {first[name]} too")
        first[name] = file


def parse(file: Path, data: bytes) -> Declared:
    """Read one file's bytes. Raises Failure (Usage)."""
    words = _words(file, data)
    if unknown := sorted(words.keys() - set(KEYS)):
        raise wrong(file, f"there is no key {unknown[0]}; keys: {', '.join(KEYS)}")
    for key, value in words.items():
        _check(file, key, value)
    if "ref" not in words:
        raise wrong(file, "ref= is missing")
    return Declared(
        file,
        words["ref"],
        words.get("as", ""),
        _SWITCH[words["hold"]] if "hold" in words else None,
        words.get("permissions-hash", ""),
    )


def wrong(file: Path, why: str) -> Failure:
    """Make the Failure for a file that cannot be meant."""
    return usage(f"{file}: {why}", "man appctl-apps.d")


def _check(file: Path, key: str, value: str) -> None:
    if not value or len(value) > TEXT_LENGTH or escape(value) != value:
        raise wrong(file, f"{key}= is empty, too long, or no plain text")
    if key == "ref" and (is_publisher_file(value) or any(letter.isspace() for letter in value)):
        raise wrong(file, "ref= is no reference (HOST/REPOSITORY:TAG, …@DIGEST, REMOTE/NAME or REMOTE:REF)")
    if key == "as" and not is_id(value):
        raise wrong(file, "as= is no application ID (org.example.App)")
    if key == "hold" and value not in _SWITCH:
        raise wrong(file, "hold= is yes or no")
    if key == "permissions-hash" and not _HASH.fullmatch(value):
        raise wrong(file, "permissions-hash= has 64 digits 0-9 a-f, as apply and install --dry-run tell it")


def _files(place: Path, *, needed: bool) -> list[Path]:
    try:
        if not place.is_dir():
            return [place] if needed or place.exists() else []
        found = sorted(path for path in place.iterdir() if counts(path))
    except OSError as error:
        raise usage(f"{place}: {error.strerror}", UNREADABLE) from error
    if len(found) > FILES:
        raise usage(f"{place} has more than {FILES} files")
    return found


def _words(file: Path, data: bytes) -> dict[str, str]:
    try:
        return parse_settings(data, "app")
    except ValueError as error:
        raise wrong(file, str(error)) from error
