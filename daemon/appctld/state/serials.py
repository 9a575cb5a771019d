# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The last keyring update of each publisher, and the keys that updates revoked: neither comes again.

Guarantees: it is kept under the remote's prefix, survives the remote's removal, and holds for a remote that
is added later for that prefix; a file that is there and cannot be read is RepoCorrupt, never "none was
applied"; what is written is on the disk when we say so.
"""

import json

from appctld.errors import AppctlError, LimitExceeded, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_bool,
    get_int,
    get_str,
    get_strings,
    parse_object,
)
from appctld.model.serial import Serial
from appctld.state.paths import Paths
from appctld.system.durable import make_directories, write_file

REVOKED = 512  # fingerprints; a set has 64 keys at most, and a publisher loses few of them in a life
FILE_BYTES = 64 << 10  # so many of the longest, of 64 digits, are some 34 KiB


def last_serial(paths: Paths, prefix: str) -> Serial | None:
    """The last update that was applied below `prefix`, None if there was none. Raises RepoCorrupt."""
    path = paths.serial(prefix)
    try:
        with path.open("rb") as file:
            return _read(parse_object(file.read(FILE_BYTES + 1), FILE_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, JsonError, AppctlError) as error:
        raise RepoCorrupt(
            f"which keyring update was the last cannot be read ({path}), so none can be applied",
            path=str(path),
            hint="restore that file from a backup",
        ) from error


def _read(obj: JsonObject) -> Serial:
    """Files from before revocations were kept name none."""
    return Serial(
        number=get_int(obj, "serial"),
        payload=Digest.parse(get_str(obj, "payload")),
        settled=get_bool(obj, "settled"),
        revoked=frozenset(get_strings(obj, "revoked", [])),
    )


def remember_serial(paths: Paths, prefix: str, serial: Serial) -> None:
    """Write down what the last update is now. Raises LimitExceeded rather than forget a revoked key."""
    if len(serial.revoked) > REVOKED:
        raise LimitExceeded(f"more than {REVOKED} revoked keys below {prefix}")
    path = paths.serial(prefix)
    make_directories(path.parent)
    facts = {
        "serial": serial.number,
        "payload": str(serial.payload),
        "settled": serial.settled,
        "revoked": sorted(serial.revoked),
    }
    write_file(path, json.dumps(facts).encode())


def carry_serial(paths: Paths, old: str, new: str) -> None:
    """A remote moves from prefix `old` to `new`: what was applied or revoked there does not come here again.

    Raises as `last_serial` and `remember_serial`.
    """
    moving, there = last_serial(paths, old), last_serial(paths, new)
    if moving:
        remember_serial(paths, new, moving.joined(there) if there else moving)
