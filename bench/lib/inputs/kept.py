# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The generated layer set, made once a machine and user and then kept: gzip takes longer than any benchmark.

What is kept lies below /var/tmp/appctl-bench-UID, in a directory named by the sources that made it, so that a
changed generator makes a new set. It is put there by one rename. What is small is made once a program.
"""

import atexit
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

from inputs.layer import Layer, write_layer
from inputs.shape import APPLICATION, BASE, UPDATE, Entry, Shape, entries

_SOURCES = ("texture.py", "shape.py")
_SMALL = 400


def _shelf() -> Path:
    """This user's directory; whoever else may write there is refused."""
    place = Path(f"/var/tmp/appctl-bench-{os.getuid()}")  # noqa: S108 - checked right below
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or place.is_symlink():
        raise SystemExit(f"error: {place} is not this user's alone")
    return place


@cache
def layer_set(*, small: bool = False) -> tuple[Layer, Layer, Layer]:
    """The base, the application and the update; in small, a four-hundredth of each."""
    shapes = [shape.small(_SMALL) if small else shape for shape in (BASE, APPLICATION, UPDATE)]
    make = partial(_stack, shapes=shapes)
    base, application, update = make(scratch()) if small else kept("layers", make)
    return base, application, update


def scratch() -> Path:
    """A directory that is gone when this program ends."""
    place = tempfile.mkdtemp(prefix="bench-input.")
    atexit.register(shutil.rmtree, place)
    return Path(place)


def kept(name: str, make: Callable[[Path], list[Layer]]) -> list[Layer]:
    """What `make` made in an empty directory, now or in an earlier run."""
    place = _shelf() / f"{name}-{_key()}"
    if not place.exists():
        work = Path(tempfile.mkdtemp(dir=_shelf()))
        try:
            facts = [asdict(layer) | {"blob": layer.blob.name} for layer in make(work)]
            (work / "layers.json").write_text(json.dumps(facts))
            work.rename(place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    facts = json.loads((place / "layers.json").read_bytes())
    return [Layer(**{**fact, "blob": place / fact["blob"]}) for fact in facts]


def _stack(work: Path, shapes: Sequence[Shape]) -> list[Layer]:
    """Each layer above the ones before it."""
    below: list[Entry] = []
    layers = []
    for shape in shapes:
        listed = entries(shape, below)
        layers.append(write_layer(work / f"{shape.seed}.tar.gz", listed))
        below += listed
    return layers


def _key() -> str:
    sources = [Path(__file__).with_name(name).read_bytes() for name in _SOURCES]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]
