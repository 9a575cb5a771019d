# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""AddRemote's and ModifyRemote's dictionary, as texts of a remotes.d file and the bytes beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from appctld.bus.wire.variants import ArgumentError
from appctld.config.remotes import CA_BYTES, COSIGN_BYTES, KEYRING_BYTES
from appctld.errors import InvalidReference, LimitExceeded
from appctld.trust.keyset import UPDATE_BYTES

TEXT_BYTES = 64 << 10  # of all settings together: what a remote's file may have
ARMOR = b"-----BEGIN"
BYTES = frozenset({"gpg-keys", "cosign-keys", "ca", "keyring-update"})  # keys whose values are no texts


@dataclass(frozen=True)
class RemoteSettings:
    """Frozen before anybody is asked. What is bytes is None when it is not given."""

    texts: Mapping[str, str] = field(default_factory=dict)
    keys: bytes | None = None
    ca: bytes | None = None
    update: bytes | None = None
    cosign_keys: bytes | None = None

    @classmethod
    def parse(cls, settings: Mapping[str, object]) -> Self:
        """Raises LimitExceeded, ArgumentError, or InvalidReference for a keyring update beside other keys."""
        texts = {key: _text(value) for key, value in settings.items() if key not in BYTES}
        if sum(len(key.encode()) + len(text.encode()) for key, text in texts.items()) > TEXT_BYTES:
            raise LimitExceeded(f"settings of more than {TEXT_BYTES} bytes")
        ca = settings.get("ca")
        return cls(
            MappingProxyType(texts),
            _keyring(settings["gpg-keys"]) if settings.get("gpg-keys") else None,
            _bounded(ca, CA_BYTES) if isinstance(ca, bytes) else None,
            _update(settings),
            _bounded(b"\n".join(_parts(settings.get("cosign-keys"))), COSIGN_BYTES) or None,
        )

    def for_a_new_remote(self) -> Self:
        """The same, with `verify` as the kind of its keys says. Raises InvalidReference where both are given.

        Which of them must sign is for whoever trusts, not for us to guess.
        """
        kind = (
            "cosign" if self.cosign_keys is not None else "ed25519" if self.texts.get("ed25519-keys") else ""
        )
        if not kind or self.texts.get("verify"):
            return self
        if self.keys is not None:
            raise InvalidReference(
                f"keys of both kinds are given: say who must have signed, verify=gpg, {kind} or gpg+{kind}",
                hint="appctl remote add --help",
            )
        return replace(self, texts=MappingProxyType({**self.texts, "verify": kind}))


def _text(value: object) -> str:
    """As it would stand in the file."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(_word, value))
    text = str(value)
    if not text.isprintable() and text:
        raise ArgumentError("a setting holds characters that cannot be printed")
    return text


def _word(item: object) -> str:
    """One item of a list, which a blank would make two of."""
    text = str(item)
    if len(text.split()) != 1:
        raise ArgumentError("an item of a list is one word")
    return _text(text)


def _update(settings: Mapping[str, object]) -> bytes | None:
    """A keyring update comes alone: its signers agreed to what it says, and to nothing beside it."""
    update = settings.get("keyring-update")
    if not isinstance(update, bytes):
        return None
    if len(settings) > 1:
        raise InvalidReference("a keyring update comes alone", hint="appctl remote modify --help")
    return _bounded(update, UPDATE_BYTES)


def _keyring(keys: object) -> bytes:
    """One stream of keys: all armored, one below the other, or all binary."""
    parts = _parts(keys)
    armored = {part.lstrip().startswith(ARMOR) for part in parts}
    if len(armored) > 1:
        raise ArgumentError("gpg-keys mixes armored and binary keys")
    return _bounded((b"\n" if armored == {True} else b"").join(parts), KEYRING_BYTES)


def _parts(keys: object) -> list[bytes]:
    return [bytes(part) for part in keys if isinstance(part, bytes)] if isinstance(keys, list) else []


def _bounded(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise LimitExceeded(f"{len(data)} bytes of keys or certificates, {limit} are allowed")
    return data
