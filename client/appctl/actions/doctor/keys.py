# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The OpenPGP keys of remotes: which have expired or were revoked, and which soon will have.

gpg reads them in a sandbox, as the daemon lets it. Other kinds of keys do not expire.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.actions.doctor.remotes import files, settings
from appctl.actions.doctor.sandbox import sandboxed
from appctl.context import Context
from appctl.failure import Failure
from appctl.terminal.show import date, short_fingerprint

SOON = 30 * 86_400  # seconds: time to ask a publisher for the next key
LOOKED_AT = 50  # keyrings; each takes a process of some 20 ms
KEYRING_BYTES = 64 << 10  # what the daemon takes
_SHOW = ("gpg", "--homedir", "/tmp", "--no-options", "--batch", "--with-colons", "--show-keys")  # noqa: S108 - inside
_LOST = {"e": "has expired", "r": "was revoked"}  # validity, field 2 of gpg's colon listings (doc/DETAILS)


@dataclass(frozen=True)
class Key:
    """A primary key: `expires` is 0 where it never does; `lost` says why it counts no more."""

    fingerprint: str
    expires: int
    lost: str


def keys(context: Context) -> Iterator[Finding]:
    """Look at each remote's keyring. Without a sandbox none is read: another check tells that."""
    told = False
    for path in files(context)[:LOOKED_AT]:
        ring = path.with_suffix(".gpg")
        said = settings(path)
        wanted = bool(said) and "gpg" in said.get("verify", "gpg")
        if not wanted and not ring.is_file():
            continue
        try:
            found = read(ring) if ring.is_file() else []
        except Failure:
            return
        for finding in judged(path.stem, found, int(time.time())):
            told = True
            yield finding
    if not told:
        yield ok("keys", "none has expired, or will within 30 days")


def read(ring: Path) -> list[Key]:
    """Return the primary keys of a keyring. Raises Failure without bubblewrap, OSError."""
    with ring.open("rb") as file:
        listed = sandboxed(_SHOW, file.read(KEYRING_BYTES)).stdout.decode(errors="replace")
    found: list[Key] = []
    primary: list[str] | None = None
    for fields in (line.split(":") for line in listed.splitlines()):
        if fields[0] == "pub":
            primary = fields
        elif fields[0] == "fpr" and primary is not None:
            expires = int(primary[6]) if primary[6].isdecimal() else 0
            found.append(Key(fields[9], expires, _LOST.get(primary[1], "")))
            primary = None
    return found


def judged(remote: str, found: list[Key], now: int) -> Iterator[Finding]:
    """Judge the keys of a remote. All lost is a problem; that some are, or soon will be, a warning."""
    hint = f"ask the publisher for its next key: appctl remote modify {remote} --gpg-import FILE"
    if not found:
        yield problem("keys", f"remote {remote} has no key that can be read: nothing of it counts", hint)
        return
    tell = problem if all(key.lost for key in found) else warning
    for key in found:
        name = f"{short_fingerprint(key.fingerprint)} of remote {remote}"
        if key.lost:
            yield tell("keys", f"{name} {key.lost}", hint)
        elif key.expires and key.expires < now + SOON:
            yield warning("keys", f"{name} expires on {date(key.expires)}", hint)
