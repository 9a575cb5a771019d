# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Keys from outside, on their way to the files beside a remote, and the fingerprints that they pin.

Guarantees: only public keys get there, GPG's as gpg in its sandbox reads them back, cosign's as this daemon
does; who gives keys of one kind changes nothing about those of the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appctld.config.remote import Remote
from appctld.errors import InvalidReference
from appctld.pipeline.tools import Tools
from appctld.trust.policy import cosign_fingerprints, openpgp_fingerprints
from appctld.trust.sigstore.keys import KeysError, read_public_keys, write_public_keys


@dataclass(frozen=True, slots=True)
class NewKeys:
    """What replaces a remote's keys, with the fingerprints in it; None for a kind that stays as it is."""

    keyring: bytes | None
    cosign_keys: bytes | None
    fingerprints: tuple[str, ...]

    def pinned(self, settings: Mapping[str, str], old: Remote | None) -> Mapping[str, str]:
        """The settings with fingerprints pinned: those that are given, else all of the new keys.

        Pins of a kind that stays as it is stay too, unless some of them are named: then only those. Raises
        InvalidReference for one that names no key.
        """
        if self.keyring is None and self.cosign_keys is None:
            return settings
        kept = sorted(self._kept(old))
        offered = (*self.fingerprints, *kept)
        wanted = settings.get("fingerprints", "").upper().replace(",", " ").split() or list(self.fingerprints)
        for fingerprint in wanted:
            if fingerprint not in offered:
                raise InvalidReference(f"none of these keys is {fingerprint}", hint="appctl help trust")
        if not set(wanted) & set(kept):
            wanted += kept  # without any, every key of that kind would count
        return {**settings, "fingerprints": " ".join(wanted)}

    def _kept(self, old: Remote | None) -> frozenset[str]:
        if old is None:
            return frozenset()
        openpgp = openpgp_fingerprints(old.keyring) if self.keyring is None else frozenset()
        cosign = cosign_fingerprints(old.cosign_keys) if self.cosign_keys is None else frozenset()
        return old.fingerprints & (openpgp | cosign)


async def read_keys(openpgp: bytes | None, cosign: bytes | None, tools: Tools) -> NewKeys:
    """The keys that were given, if any. Raises InvalidReference for what is none, and LimitExceeded."""
    keyring, fingerprints = await tools.import_keys(openpgp) if openpgp else (None, ())
    if not cosign:
        return NewKeys(keyring, None, fingerprints)
    try:
        keys = read_public_keys(cosign)
    except KeysError as error:
        raise InvalidReference(f"what is given as cosign keys {error}", hint="appctl help trust") from error
    return NewKeys(keyring, write_public_keys(keys), (*fingerprints, *(key.fingerprint for key in keys)))
