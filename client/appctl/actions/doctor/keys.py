# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The OpenPGP keys of remotes: which have expired or were revoked, and which soon will have.

Other kinds of keys do not expire.
"""

import time
from collections.abc import Iterator

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.actions.doctor.remotes import files, settings
from appctl.context import Context
from appctl.failure import Failure
from appctl.programs.keyrings import LOST, Key, read
from appctl.terminal.show import date, short_fingerprint

SOON = 30 * 86_400  # seconds: time to ask a publisher for the next key
LOOKED_AT = 50  # keyrings; each takes a process of some 20 ms


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


def judged(remote: str, found: list[Key], now: int) -> Iterator[Finding]:
    """Judge the keys of a remote. All lost is a problem; that some are, or soon will be, a warning."""
    hint = "appctl help key-change    (ask the publisher for its next key)"
    if not found:
        yield problem("keys", f"remote {remote} has no key that can be read: nothing of it counts", hint)
        return
    tell = problem if all(key.lost for key in found) else warning
    for key in found:
        name = f"{short_fingerprint(key.fingerprint)} of remote {remote}"
        if key.lost:
            yield tell("keys", f"{name} {LOST[key.lost]}", hint)
        elif key.expires and key.expires < now + SOON:
            yield warning("keys", f"{name} expires on {date(key.expires)}", hint)
