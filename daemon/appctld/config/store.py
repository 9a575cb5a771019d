# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Add, change and remove remotes: the files of the first directory of `remotes.d`.

Guarantees: nothing is written that `load` would refuse; a remote's own file comes last and goes first, so
that at no moment it is there without its keys; no remote inherits the keys of a removed one of its name;
without a key of its own a remote is refused, unless it is said how else it is verified (R6); none that
is enabled is written against `permitted`; what one thread of ours has changed by half, no other reads
(`whole`).

Leaves to others: authorization, and importing keys (`keyring` is dearmored and read back already,
`cosign_keys` are public keys).
"""

import errno
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from appctld.config.lookup import Remotes
from appctld.config.remote import Remote, check_name, make_remote, no_remote
from appctld.config.remotes import CA_BYTES, COSIGN_BYTES, KEYRING_BYTES, MASK, beside, first_of, load
from appctld.config.settings import write_settings
from appctld.errors import Conflict, InvalidReference, LimitExceeded, NoSpace, PolicyDenied, Storage
from appctld.system import durable

USAGE = "appctl remote add --help"


@dataclass(frozen=True)
class RemoteStore:
    """`directories` in order of precedence; the first is written, the others are shipped.

    `permitted` raises PolicyDenied for a remote that the administrator forbids.

    Who holds `whole` is the only one who reads or changes them; each method takes it for itself.
    """

    directories: Sequence[Path]
    permitted: Callable[[Remote], None] = lambda _remote: None
    whole: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def load(self) -> Remotes:
        """All remotes as they are now. Raises Failed or Conflict (see `remotes.load`)."""
        with self.whole:
            return load(self.directories)

    def add(
        self,
        name: str,
        settings: Mapping[str, str],
        keyring: bytes | None,
        ca: bytes | None = None,
        cosign_keys: bytes | None = None,
    ) -> Remote:
        """Write a new remote. Raises InvalidReference, Conflict, LimitExceeded, PolicyDenied, Storage."""
        with self.whole:
            remotes = self.load()
            if name in remotes:
                raise Conflict(
                    f"there is a remote {name} already", remote=name, hint=f"appctl remote show {name}"
                )
            _refuse_paths(settings)
            return self._write(
                remotes, self._remote(name, settings, keyring=keyring, ca=ca, cosign_keys=cosign_keys)
            )

    def modify(
        self,
        name: str,
        settings: Mapping[str, str],
        keyring: bytes | None = None,
        ca: bytes | None = None,
        cosign_keys: bytes | None = None,
        before_writing: Callable[[Remote], None] = lambda _remote: None,
    ) -> Remote:
        """Change what is given; an empty text means the default again, empty certificates none any more.

        Keys replace all keys of their kind. A shipped remote is overridden by a whole file of our own, with
        its keys; where it is only disabled by a mask, and by none where it is as shipped again, so that what
        the system ships later counts.
        `before_writing` is told what it will be, once nothing but the disk stands against it. Raises as
        `add`, and NoRemote.
        """
        with self.whole:
            remotes = self.load()
            remote = self.changed(remotes.get(name), settings, keyring, ca, cosign_keys)
            return self._write(remotes, remote, before_writing)

    def changed(
        self,
        old: Remote,
        settings: Mapping[str, str],
        keyring: bytes | None = None,
        ca: bytes | None = None,
        cosign_keys: bytes | None = None,
    ) -> Remote:
        """What `modify` would make of a remote, writing nothing. Raises InvalidReference, LimitExceeded."""
        _refuse_paths(settings)
        merged = {key: value for key, value in {**old.settings, **settings}.items() if value}
        if ca is not None:
            merged.pop("ca-file", None)
        remote = self._remote(
            old.name,
            merged,
            keyring=keyring or old.keyring,
            ca=old.ca if ca is None else ca or None,
            cosign_keys=cosign_keys or old.cosign_keys,
        )
        _check(remote)
        return remote

    def remove(self, name: str) -> None:
        """Remove a remote of ours, also one whose file is broken.

        Raises NoRemote, Storage, or PolicyDenied for a remote that is shipped: it would be back at once.
        """
        path = self._path(name)
        shipped = [directory for directory in self.directories[1:] if (directory / path.name).exists()]
        if shipped:
            raise PolicyDenied(
                f"remote {name} comes with this system ({shipped[0] / path.name}); it can be disabled",
                remote=name,
                path=str(shipped[0] / path.name),
                hint=f"appctl remote disable {name}",
            )
        if not path.exists():
            raise no_remote(name)
        with self.whole:
            try:
                _remove(path)
            except OSError as error:
                raise _unwritten(path, error) from error

    def _path(self, name: str) -> Path:
        return self.directories[0] / f"{check_name(name)}.conf"

    def _remote(
        self,
        name: str,
        settings: Mapping[str, str],
        *,
        keyring: bytes | None,
        ca: bytes | None,
        cosign_keys: bytes | None,
    ) -> Remote:
        return make_remote(
            name,
            settings,
            keyring=keyring,
            ca=ca,
            origin=self._path(name),
            writable=True,
            cosign_keys=cosign_keys,
        )

    def _write(
        self,
        remotes: Remotes,
        remote: Remote,
        before_writing: Callable[[Remote], None] = lambda _remote: None,
    ) -> Remote:
        path = remote.origin
        Remotes([*remotes, remote])  # in the place of an older one of its name; raises Conflict
        _check(remote)
        if remote.enabled:
            self.permitted(remote)
        data = write_settings(remote.settings)
        before_writing(remote)
        try:
            durable.make_directories(path.parent)
            if (less := self._less(remote)) is not None:
                _remove(path, less)
                return self.load().get(remote.name)
            _put(beside(path, "gpg"), remote.keyring)
            _put(beside(path, "cosign.pub"), remote.cosign_keys)
            _put(beside(path, "ca.pem"), None if "ca-file" in remote.settings else remote.ca)
            durable.write_file(path, data)
        except OSError as error:
            raise _unwritten(path, error) from error
        return remote

    def _less(self, remote: Remote) -> Mapping[str, str] | None:
        """What says the same of a shipped remote: no file ({}) or a mask; None if only a whole file does."""
        shipped = first_of(remote.name, self.directories[1:])
        same = shipped and replace(shipped, origin=remote.origin, writable=True)
        if remote == same:
            return {}
        return MASK if same and remote == replace(same, enabled=False) else None


def _check(remote: Remote) -> None:
    kinds = {*remote.verify.split("+"), remote.verify_commit}
    for kind, word, keys in (
        ("gpg", "key", remote.keyring),
        ("cosign", "cosign key", remote.cosign_keys),
        ("ed25519", "key", remote.ed25519_keys),
    ):
        if kind in kinds and not keys:
            raise InvalidReference(
                f"remote {remote.name} needs the publisher's {word}; without one nothing from it verifies",
                remote=remote.name,
                hint="appctl help trust",
            )
    for what, data, limit in (
        ("keys", remote.keyring, KEYRING_BYTES),
        ("cosign keys", remote.cosign_keys, COSIGN_BYTES),
        ("certificates", remote.ca, CA_BYTES),
    ):
        if data is not None and len(data) > limit:
            raise LimitExceeded(f"more than {limit} bytes of {what}")
    if remote.ca:
        _check_certificates(remote.ca)


def _check_certificates(data: bytes) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=data.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise InvalidReference("these are no certificates in PEM form", hint=USAGE) from error


def _refuse_paths(settings: Mapping[str, str]) -> None:
    """A caller's path must not be read with the daemon's eyes; the administrator's own file may name one."""
    if settings.get("ca-file"):
        raise InvalidReference("'ca-file' stands only in files: give the certificates themselves")


def _unwritten(path: Path, error: OSError) -> Storage:
    """Make the error. A disk that is full or read-only need not be that of the apps: the hint shows it."""
    kind, place = type(durable.storage_failure(error)), path.parent
    look = f"df -h {place}" if kind is NoSpace else f"findmnt -T {place}"
    hint = "may the daemon's user write there?" if error.errno in {errno.EACCES, errno.EPERM} else look
    return kind(f"{path} cannot be written: {error.strerror}", path=str(path), hint=hint)


def _remove(path: Path, mask: Mapping[str, str] = {}) -> None:
    """Remove a remote's files, its own first; a `mask` of what is shipped takes its place."""
    _put(path, write_settings(mask) if mask else None)
    for extension in ("gpg", "cosign.pub", "ca.pem"):
        durable.remove_file(beside(path, extension))


def _put(path: Path, data: bytes | None) -> None:
    if data is None:
        durable.remove_file(path)
    else:
        durable.write_file(path, data)
