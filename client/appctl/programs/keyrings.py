# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What stands in a remote's OpenPGP keyring, as gpg reads it, in a sandbox, as the daemon lets it.

Whose a key is, is what its maker wrote into it: foreign text, which whoever shows it escapes, and no proof.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appctl.programs.sandboxed import sandboxed

KEYRING_BYTES = 64 << 10  # what the daemon takes
_SHOW = ("gpg", "--homedir", "/tmp", "--no-options", "--batch", "--with-colons", "--show-keys")  # noqa: S108 - inside
_LOST = {"e": "expired", "r": "revoked"}  # validity, field 2 of gpg's colon listings (doc/DETAILS)
_SPELLED = re.compile(rb"\\x([0-9a-fA-F]{2})")  # colons and backslashes there
LOST = {"expired": "has expired", "revoked": "was revoked"}


@dataclass(frozen=True)
class Key:
    """A primary key: `expires` is 0 where it never does; `lost` says why it counts no more (a key of LOST).

    `names` are its user IDs, but for those that were revoked: foreign text.
    """

    fingerprint: str
    expires: int
    lost: str
    names: tuple[str, ...] = ()


def read(ring: Path) -> list[Key]:
    """Return the primary keys of a keyring. Raises Failure without bubblewrap, OSError."""
    with ring.open("rb") as file:
        listed = sandboxed(_SHOW, file.read(KEYRING_BYTES)).stdout
    records = [line.split(b":") for line in listed.splitlines()]
    starts = [at for at, fields in enumerate(records) if fields[0] == b"pub"]
    ends = [*starts, len(records)][1:]
    return [_key(records[start:end]) for start, end in zip(starts, ends, strict=True)]


def _key(records: Sequence[Sequence[bytes]]) -> Key:
    """Read the records of one primary key, its subkeys' among them."""
    primary, fingerprint = records[0], next(fields[9] for fields in records if fields[0] == b"fpr")
    users = [fields for fields in records if fields[0] == b"uid"]
    named = [fields for fields in users if fields[1] != b"r"] or users  # of a key that is revoked all are
    return Key(
        fingerprint.decode(),
        int(primary[6]) if primary[6].isdigit() else 0,
        _LOST.get(primary[1].decode(), ""),
        tuple(_text(fields[9]) for fields in named),
    )


def _text(field: bytes) -> str:
    return _SPELLED.sub(lambda found: bytes.fromhex(found[1].decode()), field).decode(errors="replace")
