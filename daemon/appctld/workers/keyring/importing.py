# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Turn a publisher's public keys, armored or not, into a keyring for gpgv.

Guarantees: gpg has read and checked every key (self-signatures included) and has dropped what others added;
the keyring that is given back was read again, as gpgv will, and holds the same keys; secret keys are refused,
and so is everything as soon as one key of it is not good.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import gnupg

from appctld.errors import Failed, InvalidReference, LimitExceeded
from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.protocol import Report, descriptor

KEYS_BYTES = 64 << 10  # what may cross the bus as keys; a key with ten subkeys has 10 KiB
KEYS = 64  # keys of one publisher; more is a distribution's keyring, not a publisher's
ALONE = (
    "--no-options",
    "--no-autostart",  # no agent: a secret key has nowhere to go
    "--disable-dirmngr",
    "--no-auto-key-retrieve",
    *("--trust-model", "always"),
    "--no-allow-non-selfsigned-uid",  # which that model allows in GnuPG 2.4: names that the key did not sign
)


def import_keys(request: JsonObject, _report: Report) -> JsonObject:
    """Read keys from `in` and write a keyring that gpgv reads to `out` (both descriptors).

    Returns `{"keys": [{"fingerprint", "uids", "created", "expires", "revoked"}]}`, times in unix seconds,
    0 for never. Raises InvalidReference for what are no public keys, LimitExceeded, Failed.
    """
    with os.fdopen(descriptor(request, "out"), "wb") as out:
        with os.fdopen(descriptor(request, "in"), "rb") as source:
            data = source.read(KEYS_BYTES + 1)
        if len(data) > KEYS_BYTES:
            raise LimitExceeded(f"more than {KEYS_BYTES} bytes of keys")
        with tempfile.TemporaryDirectory(prefix="keyring-") as home:
            keyring, keys = _convert(data, Path(home))
        out.write(keyring)
    return {"keys": keys}


def _convert(data: bytes, home: Path) -> tuple[bytes, list[Json]]:
    gpg = _gpg(home)
    _check(gpg.import_keys(data))
    fingerprints = [str(key["fingerprint"]) for key in gpg.list_keys()]
    if len(fingerprints) > KEYS:
        raise LimitExceeded(f"more than {KEYS} keys")
    keyring = bytes(gpg.export_keys(fingerprints, armor=False, minimal=True))
    return keyring, _read_back(keyring, fingerprints, home)


def _check(result: gnupg.ImportResult) -> None:
    """Refuse everything when anything was not a good public key."""
    if result.sec_read:
        raise InvalidReference("this holds a secret key: keep it, and give the public one")
    if not result.fingerprints:
        raise InvalidReference("this holds no OpenPGP public key")
    if result.returncode != 0 or result.not_imported or result.no_user_id:
        raise InvalidReference("one of these keys is broken")


def _read_back(keyring: bytes, fingerprints: Iterable[str], home: Path) -> list[Json]:
    """The facts about each key, from the very bytes that count from now on."""
    path = home / "result.gpg"
    path.write_bytes(keyring)
    keys = _gpg(home, keyring=str(path)).list_keys()
    if [str(key["fingerprint"]) for key in keys] != list(fingerprints):
        raise Failed("gpg did not write the keys that it read")
    return [
        {
            "fingerprint": str(key["fingerprint"]),
            "uids": [str(uid) for uid in key["uids"]],
            "created": int(key["date"] or 0),
            "expires": int(key["expires"] or 0),
            "revoked": key["trust"] == "r",
        }
        for key in keys
    ]


def _gpg(home: Path, keyring: str | None = None) -> gnupg.GPG:
    try:
        gpg = gnupg.GPG(gnupghome=str(home), keyring=keyring, options=list(ALONE))
    except (OSError, ValueError) as error:
        raise Failed(
            "gpg (package gnupg) is missing, or does not start: no publisher's key can be read"
        ) from error
    gpg.encoding = "utf-8"  # of user IDs; without this they come as Latin-1
    gpg.decode_errors = "replace"
    return gpg
