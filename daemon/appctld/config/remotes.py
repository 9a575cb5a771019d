# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Read `remotes.d`: of directories in order the first file of a name wins whole, or masks the next.

Guarantees: a file that cannot be read or understood is an error, never a remote that is missing: else the
next shorter prefix, with other keys, would take its place.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from appctld.config.lookup import Remotes
from appctld.config.remote import Remote, check_name, make_remote
from appctld.config.settings import FILE_BYTES, read_settings
from appctld.errors import Failed, InvalidReference

__all__ = ["Remote", "Remotes", "beside", "files_in", "first_of", "load", "read_limited", "stamps"]

REMOTES = 500  # files; every request reads them all
KEYRING_BYTES = 64 << 10  # here and on the bus; a publisher's whole keyring is some 10 KiB
COSIGN_BYTES = 64 << 10  # here and on the bus; one key has under 1 KiB, 32 of the largest 48 KiB
MASK = {"enabled": "no"}  # a file that says only that the next of its name is switched off
CA_BYTES = 1 << 20  # here and on the bus; a whole distribution's bundle has 220 KiB


def load(directories: Sequence[Path]) -> Remotes:
    """All remotes; a file of the first directory is ours to write, of later ones shipped.

    Raises:
        Failed: a file cannot be read or is wrong; the sentence and `path` name it.
        Conflict: two remotes have one prefix.
    """
    origins: dict[str, list[Path]] = {}
    for directory in directories:
        for path in files_in(directory):
            origins.setdefault(path.stem, []).append(path)
    if len(origins) > REMOTES:
        raise Failed(f"more than {REMOTES} remotes")
    return Remotes(remote for paths in origins.values() for remote in _load_first(paths, directories[0]))


def _load_first(paths: Sequence[Path], ours: Path) -> Iterator[Remote]:
    """The remote of the files of one name. A mask alone is none: it covers nothing that it could refuse."""
    first, *others = paths
    settings = _settings(first)
    if settings != MASK:
        yield _load_one(first, settings, writable=first.parent == ours)
    elif others:
        masked = _load_one(others[0], _settings(others[0]), writable=False)
        yield replace(
            masked, enabled=False, origin=first, writable=True, settings={**masked.settings, **MASK}
        )


def first_of(name: str, directories: Sequence[Path]) -> Remote | None:
    """What the files of one name in these directories say; None for no remote, or a wrong one."""
    paths = [path for directory in directories if (path := directory / f"{name}.conf").exists()]
    try:
        return next(_load_first(paths, directories[0]), None) if paths else None
    except Failed:
        return None


def files_in(directory: Path) -> list[Path]:
    """The files `*.conf`; names that start with a dot are somebody's unfinished writing. Raises Failed."""
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208 - glob() hides directories that cannot be read
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failed(f"{directory}: {error.strerror}", path=str(directory)) from error
    return [directory / name for name in names if name.endswith(".conf") and not name.startswith(".")]


def stamps(directories: Sequence[Path]) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of every file there: others once it was written or replaced. Raises nothing."""
    found: dict[str, tuple[int, int, int]] = {}
    for directory in directories:
        with contextlib.suppress(OSError), os.scandir(directory) as entries:
            found |= {entry.path: _stamp(entry) for entry in entries}
    return found


def _stamp(entry: os.DirEntry[str]) -> tuple[int, int, int]:
    try:
        status = entry.stat()
    except OSError:
        return 0, 0, 0
    return status.st_ino, status.st_size, status.st_mtime_ns


def _settings(path: Path) -> dict[str, str]:
    with _named(path):
        return read_settings(read_limited(path, FILE_BYTES) or b"")


def _load_one(path: Path, settings: Mapping[str, str], *, writable: bool) -> Remote:
    with _named(path):
        return make_remote(
            check_name(path.stem),
            settings,
            keyring=read_limited(beside(path, "gpg"), KEYRING_BYTES),
            ca=_read_ca(path, settings.get("ca-file")),
            origin=path,
            writable=writable,
            cosign_keys=read_limited(beside(path, "cosign.pub"), COSIGN_BYTES),
        )


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is wrong with a file is our failure, and says which file it is."""
    try:
        yield
    except InvalidReference as error:
        raise Failed(f"{path}: {error}", path=str(path)) from error


def _read_ca(path: Path, named: str | None) -> bytes | None:
    """The certificates that `ca-file` names, else those beside the file."""
    if named is None:
        return read_limited(beside(path, "ca.pem"), CA_BYTES)
    if not Path(named).is_absolute():
        raise InvalidReference(f"ca-file: '{named}' is no absolute path")
    found = read_limited(Path(named), CA_BYTES)
    if found is None:
        raise InvalidReference(f"ca-file: there is no {named}")
    return found


def beside(path: Path, extension: str) -> Path:
    """The file that belongs to a remote's file: NAME.gpg, NAME.cosign.pub, NAME.ca.pem."""
    return path.with_name(f"{path.stem}.{extension}")


def read_limited(path: Path, limit: int) -> bytes | None:
    """A regular file's bytes, None if there is none. Raises Failed when it cannot be read or is too large."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Failed(f"{path} is no regular file", path=str(path))
            data = file.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", path=str(path)) from error
    if len(data) > limit:
        raise Failed(f"{path} has more than {limit} bytes", path=str(path))
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Open a FIFO too, so that it can be refused."""
    return os.open(path, flags | os.O_NONBLOCK)
