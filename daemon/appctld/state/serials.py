# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The last keyring update of each publisher, so that no earlier one is applied again.

Guarantees: it is kept under the remote's prefix, survives the remote's removal, and holds for a remote that
is added later for that prefix; a file that is there and cannot be read is RepoCorrupt, never "none was
applied"; what is written is on the disk when we say so.
"""

import json

from appctld.errors import AppctlError, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, get_bool, get_int, get_str, parse_object
from appctld.model.serial import Serial
from appctld.state.paths import Paths
from appctld.system.durable import make_directories, write_file

FILE_BYTES = 4 << 10  # one number, one digest, one word


def last_serial(paths: Paths, prefix: str) -> Serial | None:
    """The last update that was applied below `prefix`, None if there was none. Raises RepoCorrupt."""
    path = paths.serial(prefix)
    try:
        with path.open("rb") as file:
            obj = parse_object(file.read(FILE_BYTES + 1), FILE_BYTES)
        return Serial(get_int(obj, "serial"), Digest.parse(get_str(obj, "payload")), get_bool(obj, "settled"))
    except FileNotFoundError:
        return None
    except (OSError, JsonError, AppctlError) as error:
        raise RepoCorrupt(
            f"which keyring update was the last cannot be read ({path}), so none can be applied",
            path=str(path),
            hint="restore that file from a backup",
        ) from error


def remember_serial(paths: Paths, prefix: str, serial: Serial) -> None:
    """Write down what the last update is now."""
    path = paths.serial(prefix)
    make_directories(path.parent)
    facts = {"serial": serial.number, "payload": str(serial.payload), "settled": serial.settled}
    write_file(path, json.dumps(facts).encode())


def carry_serial(paths: Paths, old: str, new: str) -> None:
    """A remote moves from prefix `old` to `new`: what was applied there is not applied here again."""
    moving, there = last_serial(paths, old), last_serial(paths, new)
    if moving and (there is None or moving.number > there.number):
        remember_serial(paths, new, moving)
