# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The URL of a remote that is an OSTree repository, and whether one on this machine may be read.

Guarantees: a URL has one spelling here, so that two remotes of one repository are seen; plain HTTP stays on
this machine; a directory is read only where nobody else could have put another in its place.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from appctld.config.urls import is_loopback
from appctld.errors import InvalidReference, PolicyDenied
from appctld.model.reference import looks_like_host

SCHEMES = {"ostree+https": "https", "ostree+http": "http"}
OWN_PORTS = {"ostree+https": "443", "ostree+http": "80"}
LOCAL = "ostree:"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+@=,:-")
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """An OSTree repository; `url` is what libostree is given: https://, http:// or file://."""

    url: str

    @property
    def directory(self) -> Path | None:
        """Where it is on this machine, if it is."""
        return Path(self.url.removeprefix("file://")) if self.url.startswith("file://") else None

    def __str__(self) -> str:
        return f"{LOCAL}{self.directory}" if self.directory else f"ostree+{self.url}"


def is_repository(url: str) -> bool:
    """Whether a remote's `url` means an OSTree repository."""
    return url.startswith((LOCAL, *(f"{scheme}:" for scheme in SCHEMES)))


def parse_repository(url: str) -> Repository:
    """Read `ostree+https://HOST/PATH`, `ostree+http://` (loopback only) or `ostree:/DIRECTORY`.

    Raises InvalidReference.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        return Repository(f"file://{_path(url.removeprefix(LOCAL), url)}")
    host, slash, path = rest.partition("/")
    if not looks_like_host(host):
        raise InvalidReference(f"'{url}' names no host (ostree+https://HOST[:PORT]/PATH)")
    port = host.rpartition("]")[2].partition(":")[2]
    if port.startswith("0") or port == OWN_PORTS[scheme]:
        raise InvalidReference(f"'{url}': leave out the scheme's own port, and zeros before another")
    if scheme == "ostree+http" and not is_loopback(host):
        raise InvalidReference(f"'{url}': plain HTTP is for loopback")
    return Repository(f"{SCHEMES[scheme]}://{host}{_path(slash + path, url) if path else ''}")


def _path(path: str, url: str) -> str:
    """An absolute path in its one spelling, without a slash at its end."""
    first, *components = path.removesuffix("/").split("/")
    plain = all(name not in {"", ".", ".."} and _LETTERS.issuperset(name) for name in components)
    if first or not components or not plain:
        raise InvalidReference(f"'{url}' has no plain absolute path (letters, digits and . _ ~ + @ = , : -)")
    return "/".join(["", *components])


def check_directory(directory: Path) -> None:
    """Raise PolicyDenied unless only root and we could change what stands at that path.

    Every directory above counts too, as who can rename one can put another in the place of all below it;
    where the sticky bit keeps others from that (/tmp), they may add names beside ours. No symlinks.
    """
    for path in (*reversed(directory.parents), directory):
        try:
            found = os.lstat(path)
        except OSError as error:
            raise PolicyDenied(f"{path}: {error.strerror}", path=str(path), hint="") from error
        if not stat.S_ISDIR(found.st_mode):
            raise PolicyDenied(f"{path} is no directory (a symlink is none)", path=str(path), hint="")
        kept = bool(found.st_mode & stat.S_ISVTX) and path != directory
        if found.st_uid not in {0, os.geteuid()} or (found.st_mode & _WRITABLE and not kept):
            raise PolicyDenied(f"{path} can be changed by others", path=str(path), hint="")
