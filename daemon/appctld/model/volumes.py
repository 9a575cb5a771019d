# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""VOLUME of an image: the places that an app may write, and that are kept for each user.

Pure (docs/rules.md, "Running"). Guarantees: places are absolute and normalized, none is the sandbox's own or
lies in another, they are few and short enough to name a directory each. Leaves to others: what the image has
there, links among it, and what a user shows the app at the same place, which is known when it is run.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from appctld.model.jsonvalue import JsonError

VOLUMES = 32  # real images have one to three; each is a mount, and a directory of every user
PLACE_BYTES = 85  # a third of the longest name of a file: client/ names a directory after the place
_OF_THE_SANDBOX = {
    *("app", "bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr"),  # programs, of the image
    *("dev", "home", "proc", "run", "sys", "tmp", ".flatpak-info"),  # made anew for each run, or the host's
}
_OF_THE_APP = "var"  # all of it is per-user data anyway


class Volumes(NamedTuple):
    """The places that there will be, sorted, and what is said of the others."""

    places: tuple[str, ...]
    ignored: tuple[str, ...]


def read_volumes(declared: Iterable[str]) -> Volumes:
    """Sort out what a config declares. Raises JsonError for what nobody should be shown, or too much."""
    texts = sorted(declared)
    if len(texts) > VOLUMES:
        raise JsonError(f"{len(texts)} volumes where {VOLUMES} are allowed")
    if not all(text.isprintable() for text in texts):
        raise JsonError("a volume's path has control characters")
    found = [(text, _place(text)) for text in texts]
    ignored = (f"VOLUME {text:.{PLACE_BYTES}} (nothing is kept there)" for text, place in found if not place)
    places = (place for _, place in found if place and place[0] != _OF_THE_APP)
    return Volumes(tuple(_outermost(places)), tuple(ignored))


def _place(text: str) -> tuple[str, ...]:
    """The parts of a path that can be a place of the app's own; none of any other."""
    parts = tuple(part for part in text.split("/") if part not in {"", "."})
    usable = text.startswith("/") and ".." not in parts and len("/".join(parts).encode()) < PLACE_BYTES
    return () if not usable or _OF_THE_SANDBOX.intersection(parts[:1]) else parts


def _outermost(places: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Of places in each other the outer one: what lies in it is as writable, and kept as long."""
    last: tuple[str, ...] = ()
    for place in sorted(places):
        if not last or place[: len(last)] != last:
            last = place
            yield "/" + "/".join(place)
