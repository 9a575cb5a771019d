# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The shape of a serialized GVariant of type `v`, as the labels `org.flatpak.commit-metadata.KEY` carry them.

Pure, and without GLib, which the daemon does not load. Guarantees: behind the last zero byte stands one whole
type, numbers have their size, texts are UTF-8 with one zero byte at their end. Containers are not looked
into: nothing here reads them, and whoever does reads them in normal form.
"""

from appctld.errors import BadManifest

TYPE_BYTES = 4096  # of one type, which flatpak writes in under 20; a label may have a million
NESTING = 64  # GVariant's own limit is 128 for a value, of which a variant in a variant takes some
_SIZES = {"b": 1, "y": 1, "n": 2, "q": 2, "i": 4, "u": 4, "h": 4, "x": 8, "t": 8, "d": 8}
_BASIC = frozenset(_SIZES) | {"s", "o", "g"}


def check_variant(data: bytes, what: str) -> None:
    """Return if the bytes may be a variant. Raises BadManifest, naming `what`."""
    child, zero, signature = data.rpartition(b"\0")
    kind = signature.decode("ascii", "replace")
    if not zero or len(signature) > TYPE_BYTES or _behind(kind, 0, NESTING) != len(kind):
        raise BadManifest(f"{what} is no GVariant: it ends in no type")
    size = _SIZES.get(kind)
    if size is not None and (len(child) != size or (kind == "b" and child > b"\1")):
        raise BadManifest(f"{what} is no GVariant of type {kind}")
    if kind in {"s", "o", "g"} and not _is_text(child):
        raise BadManifest(f"{what} is no GVariant of type {kind}")


def _is_text(child: bytes) -> bool:
    if child.find(b"\0") != len(child) - 1 or not child:
        return False
    try:
        child.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _behind(kind: str, at: int, left: int) -> int:
    """Where the one type that begins at `at` ends; -1 where none does (GVariant specification, 2.3)."""
    first = kind[at : at + 1]
    if first in _BASIC or first == "v":
        return at + 1
    if left and first in {"a", "m"}:
        return _behind(kind, at + 1, left - 1)
    if left and first == "(":
        return _members(kind, at + 1, left - 1)
    if left and first == "{" and kind[at + 1 : at + 2] in _BASIC:
        end = _behind(kind, at + 2, left - 1)
        return end + 1 if end > 0 and kind[end : end + 1] == "}" else -1
    return -1


def _members(kind: str, at: int, left: int) -> int:
    while at > 0 and kind[at : at + 1] not in {")", ""}:
        at = _behind(kind, at, left)
    return at + 1 if at > 0 and kind[at : at + 1] == ")" else -1
