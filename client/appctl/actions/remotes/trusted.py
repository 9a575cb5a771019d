# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whom a remote trusts: each key with its owner and its end, to be compared with what the publisher says.

The daemon says which fingerprints count; the keys themselves lie beside the remote's file, for everybody to
read. Guarantees: what is said of a key is read beside the very file that the daemon names, of an OpenPGP
key by gpg, in a sandbox. Its owner is what its maker wrote into it: foreign text, and no proof.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from appctl.caller_files import read_bounded
from appctl.failure import Failure
from appctl.places import SHIPPED_CONFIG
from appctl.programs.keyrings import KEYRING_BYTES, LOST, Key, read
from appctl.programs.remote_files import masks
from appctl.talk.wire import Json, get_object, get_str, get_strings
from appctl.terminal.show import date

NAMES = 4  # of one key: people have two or three; 64 KiB can hold hundreds, and --json has them all
NAME_LENGTH = 120  # characters of one: a person, what for, and an address
_WITHOUT_KEYS = {"digest": "the digest that you name", "none": "nobody: UNSIGNED"}
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----([^-]*)-----END PUBLIC KEY-----")


class Trusted(NamedTuple):
    """A key of a remote's kinds; `counts` unless others are pinned or it is denied."""

    kind: str
    key: Key
    counts: bool

    def to_json(self) -> Json:
        """As it stands in the output of --json; `expires` is 0 where it never does."""
        key = self.key
        return {
            "kind": self.kind, "fingerprint": key.fingerprint, "names": [*key.names], "expires": key.expires,
            "lost": key.lost, "counts": self.counts and not key.lost,
        }  # fmt: skip


def trusted(remote: Json) -> list[Trusted] | None:
    """Return the keys beside a remote's file; None where they cannot be read: doctor says why."""
    settings = get_object(remote, "Settings")
    pinned, denied = get_strings(remote, "Fingerprints"), get_strings(settings, "deny-keys")
    try:
        return [
            Trusted(kind, key, _counts(kind, key.fingerprint, pinned, denied))
            for kind, key in _keys(remote, settings)
        ]
    except (Failure, OSError):
        return None


def told(remote: Json, keys: list[Trusted] | None) -> list[str]:
    """Say whom a remote trusts, a key a text. Not escaped."""
    verify = get_str(remote, "Verify")
    if verify in _WITHOUT_KEYS:
        return [_WITHOUT_KEYS[verify]]
    denied = get_strings(get_object(remote, "Settings"), "deny-keys")
    pinned = [one for one in get_strings(remote, "Fingerprints") if one not in denied]
    if keys is None:
        return pinned or ["keys that cannot be read here: appctl doctor says why"]
    here = {one.key.fingerprint for one in keys}
    absent = [f"{one} (its key is not here)" for one in pinned if one not in here]
    return [*(_line(one) for one in keys if one.counts), *absent] or ["nobody"]


def _keys(remote: Json, settings: Json) -> Iterator[tuple[str, Key]]:
    """Yield the keys of the kinds that must sign. Raises Failure, OSError."""
    if not get_str(remote, "Origin"):
        return  # it was removed meanwhile
    kinds = {*get_str(remote, "Verify").split("+")}
    file = Path(get_str(remote, "Origin"))
    if masks(file):
        file = SHIPPED_CONFIG / "remotes.d" / file.name
    ring, cosign = file.with_suffix(".gpg"), file.with_suffix(".cosign.pub")
    if ("gpg" in kinds or get_str(settings, "verify-commit") == "gpg") and ring.is_file():
        yield from (("gpg", key) for key in _read(ring))
    if "cosign" in kinds and cosign.is_file():
        yield from (("cosign", Key(one, 0, "")) for one in _fingerprints(read_bounded(cosign, KEYRING_BYTES)))
    if "ed25519" in kinds:
        yield from (("ed25519", Key(one, 0, "")) for one in get_strings(settings, "ed25519-keys"))


def _read(ring: Path) -> list[Key]:
    """Read a keyring; the daemon takes none without a key, so one in which none is seen was not read."""
    found = read(ring)
    if not found:
        raise OSError(f"{ring} was not read")
    return found


def _counts(kind: str, fingerprint: str, pinned: list[str], denied: list[str]) -> bool:
    is_meant = kind == "ed25519" or not pinned or fingerprint in pinned
    return is_meant and fingerprint not in denied


def _fingerprints(pem: bytes) -> Iterator[str]:
    """Yield the SHA-256 of each key's DER form, as the daemon calls cosign's keys."""
    for found in _PEM.finditer(pem):
        try:
            yield hashlib.sha256(base64.b64decode(found[1])).hexdigest().upper()
        except binascii.Error:
            continue  # the daemon refuses such a file, and says so


def _owner(name: str) -> str:
    """A name as it stands between quotation marks, which it cannot end: what follows them is ours."""
    name = name if len(name) <= NAME_LENGTH else f"{name[:NAME_LENGTH]}…"
    return name.replace('"', "'")


def _line(one: Trusted) -> str:
    key = one.key
    if one.kind != "gpg":
        return f"{key.fingerprint} ({one.kind}: names no owner, does not expire)"
    names = "".join(f' "{_owner(name)}",' for name in key.names[:NAMES])
    if len(key.names) > NAMES:
        names += f" and {len(key.names) - NAMES} more names,"
    ends = f"expires on {date(key.expires)}" if key.expires else "does not expire"
    return f"{key.fingerprint}{names} {LOST.get(key.lost, ends)}"
