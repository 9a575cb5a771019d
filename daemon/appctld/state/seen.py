# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What was installed here before (R9): for each prefix a file an ID, and a file a reference and platform.

Guarantees: a file that is there and cannot be read is RepoCorrupt, never "nothing was seen"; what is written
is on the disk when we say so. The files outlive the app and the remote, and nothing here ever removes one.

Leaves to others: what follows from it (trust/order.py).
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from appctld.errors import AppctlError, RepoCorrupt
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_int,
    get_object,
    get_str,
    get_strings,
    parse_object,
)
from appctld.model.order import Moment, Place, Seen, Teller
from appctld.state.paths import Paths
from appctld.system.durable import make_directories, write_file

FILE_BYTES = 2 << 20  # the digests that trust/order.py keeps of one app are 1.2 MiB

Advance = Callable[[Seen | None], Seen]
Merge = Callable[[Seen, Seen], Seen]


def recall(paths: Paths, place: Place) -> tuple[Seen, ...]:
    """What is known of an image's reference and of its ID; nothing where neither was installed here.

    Raises RepoCorrupt.
    """
    found = (_read(paths, _file(paths, name)) for name in _names(place))
    return tuple(seen for seen in found if seen is not None)


def remember(paths: Paths, place: Place, advance: Advance) -> None:
    """Write down what each of the two names stands for from now on. Raises RepoCorrupt."""
    for name in _names(place):
        path = _file(paths, name)
        _write(path, name, advance(_read(paths, path)))


def carry_over(paths: Paths, old: str, new: str, merge: Merge) -> None:
    """What was seen at prefix `old` holds at `new` too: one publisher has moved. Raises RepoCorrupt."""
    directory = paths.seen_below(old)
    for source in sorted([*directory.glob("id-*.json"), *directory.glob("reference-*.json")]):
        name, seen = _parse(paths, source)
        moved: JsonObject = {**name, "prefix": new}
        target = _file(paths, moved)
        there = _read(paths, target)
        _write(target, moved, merge(there, seen) if there else seen)


def _names(place: Place) -> tuple[JsonObject, JsonObject]:
    return (
        {"prefix": place.prefix, "reference": place.reference, "platform": place.platform},
        {"prefix": place.prefix, "id": place.id},
    )


def _file(paths: Paths, name: JsonObject) -> Path:
    """The file of one name; a hash, because names may be longer than a file's and hold anything."""
    kind = "id" if "id" in name else "reference"
    text = json.dumps(name, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return paths.seen_below(get_str(name, "prefix")) / f"{kind}-{digest}.json"


def _read(paths: Paths, path: Path) -> Seen | None:
    """One record; None only where there is no such name in the directory."""
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _corrupt(path) from error
    return _parse(paths, path)[1]


def _parse(paths: Paths, path: Path) -> tuple[JsonObject, Seen]:
    """A record and the name that it is about, which must be the one that it stands under."""
    try:
        with path.open("rb") as file:
            obj = parse_object(file.read(FILE_BYTES + 1), FILE_BYTES)
        name, seen = get_object(obj, "name"), _seen(obj)
        home = _file(paths, name)
    except (OSError, JsonError, ValueError, AppctlError) as error:
        raise _corrupt(path) from error
    if home != path:
        raise _corrupt(path)
    return name, seen


def _corrupt(path: Path) -> RepoCorrupt:
    return RepoCorrupt(
        f"what was installed here before cannot be read ({path}), so nothing can be judged by it",
        path=str(path),
        hint="restore that file from a backup",
    )


def _write(path: Path, name: JsonObject, seen: Seen) -> None:
    facts: JsonObject = {
        "name": name,
        "newest": _moment_json(seen.newest),
        "highest": _moment_json(seen.highest),
        "installed": [str(digest) for digest in seen.installed],
    }
    make_directories(path.parent)
    write_file(path, json.dumps(facts).encode())


def _seen(obj: JsonObject) -> Seen:
    return Seen(
        newest=_moment(get_object(obj, "newest")),
        highest=_moment(get_object(obj, "highest")),
        installed=tuple(Digest.parse(text) for text in get_strings(obj, "installed")),
    )


def _moment_json(moment: Moment) -> JsonObject:
    return {
        "digest": str(moment.digest),
        "content": str(moment.content),
        "time": moment.time or 0,
        "told_by": moment.told_by.value,
    }


def _moment(obj: JsonObject) -> Moment:
    told_by = Teller(get_str(obj, "told_by"))
    time = get_int(obj, "time")
    return Moment(
        digest=Digest.parse(get_str(obj, "digest")),
        content=Digest.parse(get_str(obj, "content")),
        time=None if told_by is Teller.NOBODY else time,
        told_by=told_by,
    )
