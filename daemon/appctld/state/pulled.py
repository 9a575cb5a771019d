# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that were brought here and not deployed: what spoke for each, and the refs of its layers.

One file for each reference and architecture, below its remote. Guarantees: what is written is on the disk.
One that cannot be read counts as none, which costs a download. What the documents are worth is judged anew
whenever they are used (docs/rules.md, R1): nothing here is believed.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appctld.errors import AppctlError, LimitExceeded
from appctld.model.jsonvalue import JsonError, JsonObject, get_int, get_object, get_strings, parse_object
from appctld.state.paths import Paths
from appctld.state.provenance import PROVENANCE_BYTES, Provenance
from appctld.system.durable import make_directories, write_file

PULLED = 64  # images: every prune reads what is written about them
_MODE = 0o600  # users read what is installed, and this is not
FILE_BYTES = PROVENANCE_BYTES + (
    1 << 20
)  # and the refs of 256 layers, of an image and of the 33 that come with it


@dataclass(frozen=True, slots=True)
class Pulled:
    """`refs` keep its layers, and those of what came with it; the config is in the provenance.

    `owner` is the user whose login opened it, or whose bundle it was; None for what anybody may have.
    """

    provenance: Provenance
    refs: tuple[str, ...]
    owner: int | None = None

    def is_for(self, uid: int) -> bool:
        """Whether that user may have it without a login; root and the daemon's own user may have all."""
        return self.owner in {None, uid} or uid in {0, os.geteuid()}


def remember_pulled(paths: Paths, arch: str, pulled: Pulled) -> None:
    """Write it down. Raises LimitExceeded."""
    path = _file(paths, pulled.provenance.remote, pulled.provenance.reference, arch)
    if not path.exists() and len(_files(paths)) >= PULLED:
        raise LimitExceeded(
            f"{PULLED} images are here already that nobody installed", limit=PULLED, hint="appctl prune"
        )
    make_directories(path.parent)
    facts: JsonObject = {"provenance": pulled.provenance.to_json(), "refs": [*pulled.refs]}
    if pulled.owner is not None:
        facts["owner"] = pulled.owner
    write_file(path, json.dumps(facts).encode(), _MODE)


def find_pulled(paths: Paths, remote: str, reference: str, arch: str) -> Pulled | None:
    """What was brought here for a reference, if it was."""
    found = _read(_file(paths, remote, reference, arch))
    named = found and (found.provenance.remote, found.provenance.reference)
    return found if named == (remote, reference) else None


def forget_pulled(paths: Paths, remote: str, reference: str, arch: str) -> None:
    """It is deployed now: the records of the app say all of it."""
    _file(paths, remote, reference, arch).unlink(missing_ok=True)


def forget_all_pulled(paths: Paths, remote: str) -> None:
    """Drop what is known of one remote's; the layers go with the next prune."""
    shutil.rmtree(paths.pulled(remote), ignore_errors=True)


def pulled_files(paths: Paths) -> dict[Path, tuple[int, int]]:
    """What is written about all of them, each file with what is another once it was written anew."""
    return {path: stamp for path in _files(paths) if (stamp := _stamp(path))}


def forget_files(found: Mapping[Path, tuple[int, int]]) -> None:
    """Drop those that are still as they were."""
    for path, stamp in found.items():
        if _stamp(path) == stamp:
            path.unlink(missing_ok=True)


def pulled_refs(paths: Paths) -> set[str]:
    """The refs that keep their layers."""
    return {ref for path in _files(paths) if (pulled := _read(path)) for ref in pulled.refs}


def _files(paths: Paths) -> list[Path]:
    return [path for directory in paths.all_pulled() for path in directory.glob("*.json")]


def _file(paths: Paths, remote: str, reference: str, arch: str) -> Path:
    """A hash, because references may be longer than a file's name and hold anything."""
    digest = hashlib.sha256(json.dumps([reference, arch]).encode()).hexdigest()
    return paths.pulled(remote) / f"{digest}.json"


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _read(path: Path) -> Pulled | None:
    try:
        with path.open("rb") as file:
            obj = parse_object(file.read(FILE_BYTES + 1), FILE_BYTES)
        owner = get_int(obj, "owner") if "owner" in obj else None
        provenance = Provenance.from_json(get_object(obj, "provenance"))
        return Pulled(provenance, tuple(get_strings(obj, "refs")), owner)
    except (OSError, JsonError, AppctlError):
        return None
