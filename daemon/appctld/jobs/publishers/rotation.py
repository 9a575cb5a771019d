# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Write a keyring update that may be applied: the serial first, then the keys.

Guarantees: no update that is older than the last one for this prefix is applied, also after a power cut at
any moment: the number is on the disk before any of the keys, and the same update may come again until all of
them are. With the number stand the keys that updates revoked, also where a later one leaves them out: none
brings them back. At every moment either the old keys count or the new ones do. An update of which any part
would be refused changes nothing, and may be corrected under its number.

Leaves to others: whether it may be applied (trust/rotation.py), and the gate, which its caller holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from appctld.config.remote import Remote
from appctld.config.store import RemoteStore
from appctld.errors import PolicyDenied, SignatureInvalid
from appctld.model.serial import Serial
from appctld.state.paths import Paths
from appctld.state.serials import last_serial, remember_serial
from appctld.trust.policy import OPENPGP_DIGITS, openpgp_fingerprints, openpgp_that_count
from appctld.trust.rotation import Rotation, check_revoked

Step = tuple[Mapping[str, str], bytes | None]  # settings and keyring, as `RemoteStore.modify` takes them


def apply_rotation(rotation: Rotation, judged: Remote, store: RemoteStore, paths: Paths) -> None:
    """Let the keys of an update count from now on, which was judged with `judged`.

    Raises PolicyDenied (the remote is another now), SignatureInvalid (it is no newer update than the last
    one, or brings back a key that was revoked), RepoCorrupt, LimitExceeded, and as `RemoteStore.modify`.
    """
    if store.load().get(judged.name) != judged:
        raise PolicyDenied(
            f"remote {judged.name} was modified meanwhile", remote=judged.name, hint="try again"
        )
    prefix = str(judged.prefix)
    last = last_serial(paths, prefix)
    _check_order(rotation, last, judged.name)
    steps = _steps(rotation, judged)
    _check_steps(steps, judged, store)
    begun = Serial(rotation.serial, rotation.payload, settled=False, revoked=_revoked(rotation, last))
    remember_serial(paths, prefix, begun)
    for settings, keyring in steps:
        store.modify(judged.name, settings, keyring)
    remember_serial(paths, prefix, replace(begun, settled=True))


def _check_order(rotation: Rotation, last: Serial | None, name: str) -> None:
    """It comes after the last one, and what that or one before it revoked stays revoked."""
    if last is None:
        return
    if not last.admits(rotation.serial, rotation.payload):
        raise SignatureInvalid(
            f"keyring update {rotation.serial} is not newer than {last.number}, which was the last one here",
            remote=name,
            serial=rotation.serial,
            last=last.number,
            hint="tell the publisher; nothing was changed",
        )
    check_revoked(rotation, last.revoked, name)


def _revoked(rotation: Rotation, last: Serial | None) -> frozenset[str]:
    """Whatever was revoked once, be it in the keyring of now or in none any more."""
    return rotation.revoked | (last.revoked if last else frozenset())


def _steps(rotation: Rotation, remote: Remote) -> list[Step]:
    """Both sets lie there while the pins change; gpgv takes the first copy of a key, which is the new one."""
    held = openpgp_fingerprints(remote.keyring)
    others = {pin for pin in remote.fingerprints - held if len(pin) != OPENPGP_DIGITS}  # cosign keys, maybe
    counting = openpgp_that_count(remote, held)
    steps: list[Step] = []
    if not counting <= remote.fingerprints:  # they count unnamed: not any more, before others lie there
        steps.append(({"fingerprints": " ".join(sorted(others | counting))}, None))
    pins = " ".join(sorted(others.union(rotation.fingerprints)))
    return [
        *steps,
        ({}, _both(rotation.keyring, remote.keyring or b"")),
        ({"fingerprints": pins, "threshold": str(rotation.threshold)}, None),
        ({}, rotation.keyring),
    ]


def _both(new: bytes, old: bytes) -> bytes:
    """The new keyring before the old one, where it lies already if a power cut stopped this very update."""
    return old if old.startswith(new) else new + old


def _check_steps(steps: Sequence[Step], remote: Remote, store: RemoteStore) -> None:
    """Whatever may be refused is refused before anything is written."""
    for settings, keyring in steps:
        remote = store.changed(remote, settings, keyring)
