# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The quarantine: a bare-user repository, with a configuration that is written here for each pull.

Guarantees: the remote has no keyring and no option but those below, whatever lay there before; what is read
back is a file of this repository (never of its parent: signatures belong to one remote, R5), at most as long
as the caller says. Nothing here is durable, and nothing here is believed.
"""

import enum
import os
import ssl
from pathlib import Path
from typing import Self

from gi.repository import Gio, GLib, OSTree

from appctld.errors import LimitExceeded
from appctld.workers.net import authorities
from appctld.workers.pull.source import Source, check_commit

REMOTE = "origin"
_AT_FDCWD = -100  # fcntl.h
_AUTHORITIES = "authorities.pem"


class Kind(enum.Enum):
    """Of the objects, those that are read here."""

    COMMIT = "commit"
    COMMITMETA = "commitmeta"

    def path(self, name: str) -> str:
        """Where libostree has it: `objects/<2 hex>/<62 hex>.<kind>`."""
        return f"objects/{name[:2]}/{name[2:]}.{self.value}"


class Repository:
    """The quarantine repository of one pull; make it with `create`."""

    def __init__(self, path: Path, library: OSTree.Repo) -> None:
        self._path = path
        self._library = library

    @classmethod
    def create(cls, source: Source, proxy: str | None) -> Self:
        """Make it, or configure the one that is there anew. Raises GLib.Error, OSError, TlsUntrusted."""
        path = source.quarantine
        if not (path / "objects").exists():
            OSTree.Repo.create_at(_AT_FDCWD, str(path), OSTree.RepoMode.BARE_USER, None, None)
        _write(path / "config", _configuration(source, proxy).to_data()[0].encode())
        return cls(path, OSTree.Repo.open_at(_AT_FDCWD, str(path), None))

    def pull(self, options: GLib.Variant, cancellable: Gio.Cancellable) -> None:
        """Let libostree pull from the remote. Raises GLib.Error."""
        self._library.pull_with_options(REMOTE, options, None, cancellable)

    def point(self, ref: str, commit: str | None) -> None:
        """Let the remote's ref name a commit, or nothing. Raises GLib.Error."""
        self._library.set_ref_immediate(REMOTE, ref, commit, None)

    def resolve(self, ref: str) -> str:
        """The commit that the remote's ref names, once it was pulled. Raises InvalidReference."""
        path = self._path / "refs/remotes" / REMOTE / ref
        return check_commit(path.read_text("ascii").strip())

    def read(self, kind: Kind, name: str, limit: int) -> bytes | None:
        """An object's bytes, None where there is none. Raises LimitExceeded."""
        try:
            descriptor = os.open(self._path / kind.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise LimitExceeded(f"the {kind.value} of {name} has more than {limit} bytes", limit=limit)
        return data


def _configuration(source: Source, proxy: str | None) -> GLib.KeyFile:
    config = GLib.KeyFile.new()
    core, remote = "core", f'remote "{REMOTE}"'
    config.set_string(core, "repo_version", "1")
    config.set_string(core, "mode", "bare-user")
    config.set_boolean(core, "fsync", False)  # noqa: FBT003 - nothing here outlives a crash
    config.set_string(core, "min-free-space-percent", "0")  # bounds.py watches, also what libostree does not
    if source.parent is not None:
        config.set_string(core, "parent", str(source.parent))
    config.set_string(remote, "url", source.url)
    for key in ("gpg-verify", "gpg-verify-summary", "sign-verify", "sign-verify-summary"):
        config.set_boolean(remote, key, False)  # noqa: FBT003 - the daemon verifies, under the remote's keys
    if proxy is not None:
        config.set_string(remote, "proxy", proxy)
        config.set_string(remote, "tls-ca-path", str(_authorities(source)))
    return config


def _authorities(source: Source) -> Path:
    """The file with everybody whom TLS believes here. Raises TlsUntrusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authorities.load_authorities(context, authorities.CA_BUNDLE, source.ca)
    if source.ca is None:
        return authorities.CA_BUNDLE
    bundle = authorities.CA_BUNDLE.read_bytes() if authorities.CA_BUNDLE.exists() else b""
    path = source.quarantine / _AUTHORITIES
    _write(path, bundle + b"\n" + source.ca.encode())
    return path


def _write(path: Path, data: bytes) -> None:
    """Replace a file; nobody else reads it, it may hold the proxy's password."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
