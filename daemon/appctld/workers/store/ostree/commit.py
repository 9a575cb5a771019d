# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Commit objects as values and as bytes.

Guarantees: the bytes are a function of the value (metadata sorted by key, normal form). Leaves to others:
where objects are stored. The type is `(a{sv}aya(say)sstayay)` (ostree-core.h, OSTREE_COMMIT_GVARIANT_FORMAT):
metadata, parent, related objects, subject, body, timestamp (big-endian seconds), root dirtree, root dirmeta.
Ours have no parent, no related objects, and an empty subject and body; a publisher's are only read here, and
stored as they came.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gi.repository import GLib

from appctld.errors import RepoCorrupt

IMPLICIT_DIRS = "appctl.implicit-dirs"
"""Metadata of a layer commit: 'as', sorted paths of directories that had no entry; the root is ""."""

Value = str | bytes | Sequence[str]

_CHECKSUM_BYTES = 32  # SHA-256
_FORMAT = "(a{sv}aya(say)sstayay)"


@dataclass(frozen=True)
class Commit:
    """`tree` and `meta` are the root's checksums in hex; of metadata of other types we know the keys."""

    tree: str
    meta: str
    timestamp: int = 0
    metadata: Mapping[str, Value] = field(default_factory=dict)
    subject: str = ""
    other_keys: frozenset[str] = frozenset()

    @property
    def implicit_dirs(self) -> frozenset[str]:
        """Paths of this layer commit's directories that had no entry of their own; "" is the root."""
        found = self.metadata.get(IMPLICIT_DIRS, ())
        return frozenset() if isinstance(found, (str, bytes)) else frozenset(found)


def serialize_commit(commit: Commit) -> bytes:
    """The bytes of the commit object."""
    root = GLib.VariantBuilder.new(GLib.VariantType.new(_FORMAT))
    root.add_value(_metadata(commit.metadata))
    root.add_value(_bytes(b""))
    root.add_value(GLib.Variant("a(say)", []))
    root.add_value(GLib.Variant("s", commit.subject))
    root.add_value(GLib.Variant("s", ""))
    root.add_value(GLib.Variant("t", _swapped(commit.timestamp)))
    root.add_value(_bytes(bytes.fromhex(commit.tree)))
    root.add_value(_bytes(bytes.fromhex(commit.meta)))
    return root.end().get_data_as_bytes().get_data()


def parse_commit(data: bytes) -> Commit:
    """Read a commit object of anybody's.

    One not in normal form, with a key twice, or whose root or parent is no checksum, is `RepoCorrupt`.
    """
    variant = GLib.Variant.new_from_bytes(GLib.VariantType.new(_FORMAT), GLib.Bytes.new(data), False)  # noqa: FBT003
    if not variant.is_normal_form():
        raise RepoCorrupt("a commit object that cannot be read")
    if len(_raw(variant.get_child_value(1))) not in {0, _CHECKSUM_BYTES}:  # libostree's programs abort
        raise RepoCorrupt("a commit object whose parent is no checksum")
    metadata = variant.get_child_value(0)
    count = metadata.n_children()
    known = dict(_entry(metadata.get_child_value(number)) for number in range(count))
    if len(known) != count:  # who reads the first and who reads the last would read two commits
        raise RepoCorrupt("a commit object that says something twice")
    return Commit(
        tree=_checksum(variant.get_child_value(6)),
        meta=_checksum(variant.get_child_value(7)),
        timestamp=_swapped(variant.get_child_value(5).get_uint64()),
        metadata={key: value for key, value in known.items() if value is not None},
        subject=variant.get_child_value(3).get_string(),
        other_keys=frozenset(key for key, value in known.items() if value is None),
    )


def _checksum(variant: GLib.Variant) -> str:
    data = _raw(variant)
    if len(data) != _CHECKSUM_BYTES:
        raise RepoCorrupt("a commit object whose root is no checksum")
    return data.hex()


def _metadata(values: Mapping[str, Value]) -> GLib.Variant:
    builder = GLib.VariantBuilder.new(GLib.VariantType.new("a{sv}"))
    for key in sorted(values):
        entry = GLib.Variant.new_dict_entry(
            GLib.Variant("s", key), GLib.Variant.new_variant(_value(values[key]))
        )
        builder.add_value(entry)
    return builder.end()


def _value(value: Value) -> GLib.Variant:
    if isinstance(value, bytes):
        return _bytes(value)
    return GLib.Variant("s", value) if isinstance(value, str) else GLib.Variant("as", list(value))


def _entry(entry: GLib.Variant) -> tuple[str, Value | None]:
    key, value = entry.get_child_value(0).get_string(), entry.get_child_value(1).get_variant()
    match value.get_type_string():
        case "s":
            return key, value.get_string()
        case "ay":
            return key, _raw(value)
        case "as":
            return key, value.get_strv()
        case _:
            return key, None


def _bytes(data: bytes) -> GLib.Variant:
    # GLib.Variant("ay", data) would walk the bytes one by one, and a manifest may have 4 MiB
    return GLib.Variant.new_from_bytes(GLib.VariantType.new("ay"), GLib.Bytes.new(data), True)  # noqa: FBT003


def _raw(variant: GLib.Variant) -> bytes:
    return variant.get_data_as_bytes().get_data()


def _swapped(number: int) -> int:
    """From or to the big-endian integer that libostree keeps, on a machine of either order."""
    return int.from_bytes(number.to_bytes(8, "big"), sys.byteorder)
