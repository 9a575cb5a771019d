# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A remote as the trust room sees it, for tests that need no file of one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Trusting:
    """A remote, as far as the trust room asks."""

    keyring: bytes | None
    cosign_keys: bytes | None = None
    name: str = "acme"
    verify: str = "gpg"
    fingerprints: frozenset[str] = frozenset()
    threshold: int = 1
    identity: str = "tag"
    deny_keys: frozenset[str] = frozenset()
    ed25519_keys: tuple[bytes, ...] = ()
    collection: str | None = None
