# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/reader: what reading a layer's tar costs in the store, step by step, and what is kept of it.

Each step does what the one before it does and one thing more, in this process, from the inflated tar: so that
the CPU time of a part is a difference of two rows. The last ones are whole operations of the store.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from unittest import mock

from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.archive.stream import Stream
from appctld.workers.store.archive.tar import TarReader
from appctld.workers.store.ostree.objects import regular, stored
from appctld.workers.store.space import Room
from appctld.workers.store.tarsplit.kept import recording
from appctld.workers.store.tarsplit.recorder import Recorder
from engine.floors import Tar
from engine.given import given_layer, given_layers
from inputs.layer import Layer
from measure.cost import Cost, timed
from measure.options import lenient, parser, places
from measure.report import Bound, Goal, Report, say
from measure.turns import Contender, Row, take_turns

HASH, STREAM, ENTRIES = "floor: SHA-256, once", "the stream and its digest", "and its entries"
OBJECTS, METADATA = "and the digest of each file", "and its tar metadata"
IMPORT, REBUILD = "appctl: import-layer", "appctl: rebuild-layer"
ALONE = "import-layer, one process"
GOALS = (Goal(ENTRIES, HASH), Goal(METADATA, HASH), Goal(IMPORT, ALONE), Goal(REBUILD, HASH))
_SHARE = 0.7  # per cent of the layer's tar
_TIME = 5  # per cent of an import

_ENOUGH = 1 << 40
_ANY = Digest("0" * 64)


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    asked = parser("reader", __doc__.partition("\n")[2])
    asked.add_argument("--layer", type=Path, help="a gzip layer instead of the generated one")
    options = asked.parse_args()
    layer = given_layer(options)
    report = Report("reader", {"runs": options.runs, **layer.facts()})
    for where in places(options):
        say(f"measuring on {where.name}")
        with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
            rows = take_turns(_contenders(layer, Path(made)), options.runs, Path(made))
            report.add(where.name, rows, GOALS, [_time(rows)])
    layers = (layer,) if options.layer else given_layers(options)
    report.add("tar metadata", {}, (), [_share(one) for one in layers])
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _contenders(layer: Layer, place: Path) -> Mapping[str, Contender]:
    tar, kept = Tar(layer.blob, place), place / "kept"
    steps: dict[str, Callable[[Path, Path], object]] = {
        STREAM: _read_stream,
        ENTRIES: _read_entries,
        OBJECTS: _read_objects,
        METADATA: _record,
    }
    _import(tar.path, layer, kept)
    return {
        HASH: tar.hash,
        **{name: partial(_timed, step, tar.path) for name, step in steps.items()},
        IMPORT: lambda state: timed(lambda: _import(tar.path, layer, state)),
        ALONE: lambda state: timed(lambda: _import_alone(tar.path, layer, state)),
        REBUILD: lambda _place: timed(lambda: _rebuild(layer, kept)),
    }


def _timed(step: Callable[[Path, Path], object], tar: Path, place: Path) -> Cost:
    return timed(lambda: step(tar, place))


def _stream(tar: Path) -> Stream:
    return Stream(os.open(tar, os.O_RDONLY), _ENOUGH, lambda _: None)


def _read_stream(tar: Path, _place: Path) -> object:
    with _stream(tar) as stream:
        stream.drain()
        return stream.digest


def _read_entries(tar: Path, _place: Path) -> object:
    with _stream(tar) as stream:
        return sum(1 for _ in TarReader(stream).entries()), stream.digest


def _read_objects(tar: Path, _place: Path) -> object:
    with _stream(tar) as stream:
        _hash_objects(TarReader(stream), lambda _checksum, _size: None)
        return stream.digest


def _record(tar: Path, place: Path) -> object:
    with _stream(tar) as stream, recording(place, _ANY, Room(lambda: _ENOUGH)) as record:
        checksums: list[bytes] = []
        recorder = Recorder(stream, record.sink, checksums.__getitem__)

        def hashed(checksum: bytes, size: int) -> None:
            checksums.append(checksum)
            recorder.content(len(checksums) - 1, size)

        _hash_objects(TarReader(recorder), hashed)
        recorder.finish(stream.count)
        record.keep()
        return stream.digest


def _hash_objects(reader: TarReader, hashed: Callable[[bytes, int], object]) -> None:
    """What an import does for each file, but for writing it."""
    for entry in reader.entries():
        digest = stored(regular(entry.uid, entry.gid, entry.mode, entry.xattrs)).hash.copy()
        _feed(digest.update, reader.content())
        hashed(digest.digest(), entry.size)


def _feed(update: Callable[[memoryview], object], pieces: Iterable[memoryview]) -> None:
    for piece in pieces:
        update(piece)


def _import(tar: Path, layer: Layer, state: Path) -> None:
    request = _asked(layer, state) | {"diff_id": layer.diff_id, "strict": False}
    HANDLERS["import-layer"](request | {"fds": {"tar": os.open(tar, os.O_RDONLY)}}, lambda _: None)


def _import_alone(tar: Path, layer: Layer, state: Path) -> None:
    """Without the second process of a large layer."""
    with mock.patch("appctld.workers.store.ostree.contents._useful", return_value=False):
        _import(tar, layer, state)


def _rebuild(layer: Layer, state: Path) -> None:
    out = os.open(os.devnull, os.O_WRONLY)
    HANDLERS["rebuild-layer"](_asked(layer, state) | {"fds": {"out": out}}, lambda _: None)


def _asked(layer: Layer, state: Path) -> JsonObject:
    return {
        "repo": str(state / "repo"),
        "tar_split": str(state / "tar-split"),
        "ref": f"appctl/layer/bench/{Digest.parse(layer.diff_id).hex}",
        "max_bytes": _ENOUGH,
    }


def _time(rows: Mapping[str, Row]) -> Bound:
    """The part of an import's CPU time that tar metadata takes, of the least of each."""
    metadata = rows[METADATA].least("cpu") - rows[OBJECTS].least("cpu")
    part = 100 * metadata / rows[IMPORT].least("cpu")
    return Bound("tar metadata, of the CPU time of an import", round(part, 1), "%", _TIME)


def _share(layer: Layer) -> Bound:
    """The part of a layer's size that its tar metadata takes."""
    with tempfile.TemporaryDirectory(prefix="bench.") as made:
        place = Path(made)
        _record(Tar(layer.blob, place).path, place)
        size = (place / _ANY.hex).stat().st_size
    part = 100 * size / layer.tar_size
    return Bound(f"tar metadata of {layer.entries} entries", round(part, 2), "%", _SHARE)


if __name__ == "__main__":
    sys.exit(main())
