# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How far updates go by themselves as somebody decided, and how the last of them went.

Guarantees: a decision that cannot be read is RepoCorrupt and not the default, so that nothing is installed
against somebody's word. What is told of the last update is a hint: a broken file counts as none.
"""

import json
from dataclasses import dataclass

from appctld.errors import RepoCorrupt
from appctld.model.automatic import DEFAULT, Extent, Why
from appctld.model.jsonvalue import JsonError, JsonObject, get_int, get_str, get_strings, parse_object
from appctld.state.paths import Paths
from appctld.system.durable import write_file

FILE_BYTES = 4 << 10  # a word; or some words and three times


@dataclass(frozen=True, slots=True)
class LastAutomatic:
    """When the last one ended, in seconds since 1970 (0 for never), and how far it went.

    `success` and `failure` are when one last went well, or failed; `error` what the last one failed with.
    """

    time: int = 0
    extent: Extent = Extent.NONE
    because: tuple[Why, ...] = ()
    success: int = 0
    failure: int = 0
    error: str = ""

    def to_json(self) -> JsonObject:
        """As it stands in the file, and is told."""
        return {
            "time": self.time,
            "extent": self.extent,
            "because": [*self.because],
            "success": self.success,
            "failure": self.failure,
            "error": self.error,
        }


def chosen(paths: Paths) -> Extent:
    """What somebody decided, else the default. Raises RepoCorrupt."""
    try:
        return Extent(get_str(parse_object(paths.automatic.read_bytes(), FILE_BYTES), "extent"))
    except FileNotFoundError:
        return DEFAULT
    except (OSError, JsonError, ValueError) as error:
        raise RepoCorrupt(
            f"{paths.automatic} cannot be read, which says how far updates go by themselves",
            path=str(paths.automatic),
            hint="appctl automatic install    (or download, check, none)",
        ) from error


def choose(paths: Paths, extent: Extent) -> None:
    """Somebody decides."""
    write_file(paths.automatic, json.dumps({"extent": extent}).encode())


def last_automatic(paths: Paths) -> LastAutomatic:
    """How the last one went."""
    try:
        obj = parse_object(paths.last_automatic.read_bytes(), FILE_BYTES)
        return LastAutomatic(
            get_int(obj, "time"),
            Extent(get_str(obj, "extent")),
            tuple(map(Why, get_strings(obj, "because"))),
            get_int(obj, "success"),
            get_int(obj, "failure"),
            get_str(obj, "error"),
        )
    except (OSError, JsonError, ValueError):
        return LastAutomatic()


def remember_automatic(paths: Paths, last: LastAutomatic) -> None:
    """Write down how one went."""
    write_file(paths.last_automatic, json.dumps(last.to_json()).encode())
