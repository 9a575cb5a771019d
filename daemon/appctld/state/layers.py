# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which layers each remote has here: one small file a (remote, diffID).

A record says what we computed ourselves. It belongs to one remote; another remote may profit from it only as
R5 allows (`shared` says which), and then hashes every object again.
"""

import json
import shutil
from collections.abc import Collection
from dataclasses import dataclass

from appctld.errors import AppctlError
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, get_bool, get_str, parse_object
from appctld.model.published import Reading
from appctld.state.paths import Paths, layer_ref
from appctld.system.durable import make_directories, sync_directory, write_file

RECORD_BYTES = 4096  # a few short members


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """One layer of one remote.

    `anonymous`: it was fetched without any credential, so naming its digest hands over nothing private.
    `strict`: it was read under `strict=yes`, and nothing in it was refused.
    `holds_commit`: it was read for a publisher's commit, which `commit` is; else for files alone.
    """

    remote: str
    diff_id: Digest
    commit: str
    anonymous: bool
    reading: Reading = Reading.PLAIN
    strict: bool = False
    holds_commit: bool = False


def remember(paths: Paths, record: LayerRecord) -> None:
    """Write the record of a layer whose commit and ref are durable."""
    directory = paths.layers(record.remote, record.reading)
    make_directories(directory)
    facts = {
        "commit": record.commit,
        "anonymous": record.anonymous,
        "strict": record.strict,
        "holds_commit": record.holds_commit,
    }
    write_file(directory / f"{record.diff_id.hex}.json", json.dumps(facts).encode())


def held(paths: Paths, remote: str, diff_id: Digest, reading: Reading = Reading.PLAIN) -> LayerRecord | None:
    """This remote's record of that layer, read so; one that cannot be read is none."""
    try:
        data = (paths.layers(remote, reading) / f"{diff_id.hex}.json").read_bytes()
        obj = parse_object(data, RECORD_BYTES)
        return LayerRecord(
            remote=remote,
            diff_id=diff_id,
            commit=Digest(get_str(obj, "commit")).hex,
            anonymous=get_bool(obj, "anonymous"),
            reading=reading,
            strict=get_bool(obj, "strict", default=False),  # not in records of before it was written
            holds_commit=get_bool(obj, "holds_commit", default=False),  # nor is this
        )
    except (OSError, JsonError, AppctlError):
        return None


def shared(paths: Paths, remotes: Collection[str], diff_id: Digest) -> LayerRecord | None:
    """A record of that plain layer that one of `remotes` (with `share=yes`) fetched without a credential."""
    found = (held(paths, remote, diff_id) for remote in sorted(remotes))
    return next((record for record in found if record is not None and record.anonymous), None)


def recorded_refs(paths: Paths) -> set[str]:
    """The refs of every layer that has a record."""
    refs = set()
    for reading in Reading:
        for path in paths.layer_records(reading):
            try:
                refs.add(layer_ref(path.parent.parent.name, Digest(path.stem), reading))
            except AppctlError:
                continue  # a temporary file of an interrupted write
    return refs


def forget_remote(paths: Paths, remote: str) -> None:
    """Remove a remote's layer records, and blobs that wait: one of its name later is somebody else."""
    forget_refs(paths, [ref for ref in recorded_refs(paths) if ref.split("/")[2] == remote])
    for private in (False, True):
        for shelf in (paths.blobs_of(remote, private=private), paths.kept_of(remote, private=private)):
            shutil.rmtree(shelf, ignore_errors=True)


def forget_refs(paths: Paths, refs: Collection[str]) -> None:
    """Remove the records of the layer refs that a prune or a recovery dropped."""
    changed = set()
    for ref in refs:
        match ref.split("/"):
            case ["appctl", ("layer" | "ostree") as kind, remote, hexadecimal]:
                layers = paths.layers(remote, Reading(kind))
                if layers.is_dir():
                    (layers / f"{Digest(hexadecimal).hex}.json").unlink(missing_ok=True)
                    changed.add(layers)
            case _:
                pass
    for layers in changed:  # of thousands of records one by one it would take seconds
        sync_directory(layers)
