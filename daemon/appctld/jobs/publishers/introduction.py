# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's file, held beside the remotes that are here: whom it would add, and what is trusted already.

Guarantees: only public keys get through, and each is named with its whole fingerprint; what AddRemote is to
be given pins exactly those, so that what a person was shown is what is trusted, whatever else gpg may find in
the same bytes. Nothing is written, and no key is changed by a file: other keys under a name or a URL that is
here are a conflict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from appctld.config.lookup import Remotes
from appctld.config.publisherfile import PublisherFile, parse_publisher_file
from appctld.config.remote import Remote
from appctld.errors import InvalidReference, LimitExceeded
from appctld.trust.keys import KeyringError, read_keyring
from appctld.trust.policy import (
    cosign_fingerprints,
    cosign_that_count,
    openpgp_fingerprints,
    openpgp_that_count,
)
from appctld.trust.sigstore.keys import KeysError, read_public_keys

KEYS = 64  # of one publisher, as the keyring worker takes; a person is to compare them


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of the file; `names` are foreign text."""

    fingerprint: str
    kind: str
    names: tuple[str, ...] = ()

    def told(self) -> Mapping[str, object]:
        return {"fingerprint": self.fingerprint, "kind": self.kind, "names": list(self.names)}


def introduce(data: bytes, remotes: Remotes) -> Mapping[str, object]:
    """What Manager.ResolveFile answers. Raises InvalidReference, LimitExceeded."""
    offered = parse_publisher_file(data)
    keys = [*_openpgp(offered.remote), *_cosign(offered.remote)]
    if len(keys) > KEYS:
        raise LimitExceeded(f"a publisher's file with {len(keys)} keys, {KEYS} are allowed")
    known = _known(offered.remote, remotes)
    trusted = _trusted(known) if known else frozenset(key.fingerprint for key in keys)
    strange = [key for key in keys if key.fingerprint not in trusted]
    return {
        "name": offered.remote.name,
        "prefix": str(offered.remote.prefix),
        "change": _change(offered.remote, known, strange),
        "remote": known.name if known else "",
        "reference": offered.reference(known.name if known else offered.remote.name),
        "keys": [key.told() for key in keys],
        "untrusted": [key.fingerprint for key in strange],
        "settings": _settings(offered, keys),
        "catalog": offered.remote.catalog,
        "homepage": offered.homepage,
        "icon": offered.icon,
    }


def _openpgp(remote: Remote) -> Iterator[_Key]:
    if remote.keyring is None:
        return
    try:
        found = read_keyring(remote.keyring)
    except KeyringError as error:
        raise _unusable(f"GPGKey {error}", "gpg --export KEY | base64 -w0") from error
    yield from (_Key(key.fingerprint, "gpg", tuple(key.names)) for key in found)


def _cosign(remote: Remote) -> Iterator[_Key]:
    if remote.cosign_keys is None:
        return
    try:
        found = read_public_keys(remote.cosign_keys)
    except KeysError as error:
        raise _unusable(f"CosignKey {error}", "base64 -w0 cosign.pub") from error
    yield from (_Key(key.fingerprint, "cosign") for key in found)


def _unusable(what: str, hint: str) -> InvalidReference:
    return InvalidReference(f"this publisher's file cannot be used: {what}", hint=hint)


def _known(offered: Remote, remotes: Remotes) -> Remote | None:
    """The remote that the file is about, if there is one: of its name, else of its place."""
    if offered.name in remotes:
        return remotes.get(offered.name)
    return next((remote for remote in remotes if remote.prefix == offered.prefix), None)


def _change(offered: Remote, known: Remote | None, strange: list[_Key]) -> str:
    if known is None:
        return "add"
    return "conflict" if strange or known.prefix != offered.prefix else "none"


def _trusted(remote: Remote) -> frozenset[str]:
    """The keys that count for a remote as it is verified now."""
    kinds = remote.verify.split("+")
    openpgp = openpgp_that_count(remote, openpgp_fingerprints(remote.keyring))
    cosign = cosign_that_count(remote, cosign_fingerprints(remote.cosign_keys))
    return (openpgp if "gpg" in kinds else frozenset()) | (cosign if "cosign" in kinds else frozenset())


def _settings(offered: PublisherFile, keys: list[_Key]) -> Mapping[str, object]:
    """AddRemote's dictionary."""
    remote = offered.remote
    return {
        **remote.settings,
        **({"ids": list(remote.ids)} if remote.ids else {}),
        "fingerprints": [key.fingerprint for key in keys],
        **({"gpg-keys": [remote.keyring]} if remote.keyring else {}),
        **({"cosign-keys": [remote.cosign_keys]} if remote.cosign_keys else {}),
    }
