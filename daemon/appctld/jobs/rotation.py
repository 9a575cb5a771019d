# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Write a keyring update that may be applied: the serial first, then the keys.

Guarantees: no update that is older than the last one for this prefix is applied, also after a power cut at
any moment: the number is on the disk before any of the keys, and the same update may come again until all of
them are. At every moment either the old keys count or the new ones do.

Leaves to others: whether it may be applied (trust/rotation.py), and the gate, which its caller holds.
"""

from appctld.config.remote import Remote
from appctld.config.store import RemoteStore
from appctld.errors import PolicyDenied, SignatureInvalid
from appctld.model.serial import Serial
from appctld.state.paths import Paths
from appctld.state.serials import last_serial, remember_serial
from appctld.trust.policy import OPENPGP_DIGITS, openpgp_fingerprints, openpgp_that_count
from appctld.trust.rotation import Rotation


def apply_rotation(rotation: Rotation, judged: Remote, store: RemoteStore, paths: Paths) -> None:
    """Let the keys of an update count from now on, which was judged with `judged`.

    Raises PolicyDenied (the remote is another now), SignatureInvalid (it is no newer update than the last
    one), RepoCorrupt, and as `RemoteStore.modify`.
    """
    if store.load().get(judged.name) != judged:
        raise PolicyDenied(
            f"remote {judged.name} was modified meanwhile", remote=judged.name, hint="try again"
        )
    prefix = str(judged.prefix)
    _check_order(rotation, last_serial(paths, prefix), judged.name)
    remember_serial(paths, prefix, Serial(rotation.serial, rotation.payload, settled=False))
    _write(rotation, judged, store)
    remember_serial(paths, prefix, Serial(rotation.serial, rotation.payload, settled=True))


def _check_order(rotation: Rotation, last: Serial | None, name: str) -> None:
    if last and not last.admits(rotation.serial, rotation.payload):
        raise SignatureInvalid(
            f"keyring update {rotation.serial} is not newer than {last.number}, which was the last one here",
            remote=name,
            serial=rotation.serial,
            last=last.number,
            hint="tell the publisher; nothing was changed",
        )


def _write(rotation: Rotation, remote: Remote, store: RemoteStore) -> None:
    """Both sets lie there while the pins change; gpgv takes the first copy of a key, which is the new one."""
    held = openpgp_fingerprints(remote.keyring)
    others = {pin for pin in remote.fingerprints - held if len(pin) != OPENPGP_DIGITS}  # cosign keys, maybe
    counting = openpgp_that_count(remote, held)
    if not counting <= remote.fingerprints:  # they count unnamed: not any more, before others lie there
        store.modify(remote.name, {"fingerprints": " ".join(sorted(others | counting))})
    store.modify(remote.name, {}, rotation.keyring + (remote.keyring or b""))
    pins = " ".join(sorted(others.union(rotation.fingerprints)))
    store.modify(remote.name, {"fingerprints": pins, "threshold": str(rotation.threshold)})
    store.modify(remote.name, {}, rotation.keyring)
