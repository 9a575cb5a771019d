# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a commit says of itself: its time, its version, its bindings, and all of its metadata as it stands.

Guarantees: pure; the commit was in normal form, with no key twice. Leaves to others: what of it
an image says.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gi.repository import GLib

from appctld.workers.store.ostree.commit import Commit, parse_commit

OURS = "appctl."  # metadata of commits that were made here, which no publisher's commit may have
_FORMAT = "(a{sv}aya(say)sstayay)"


@dataclass(frozen=True)
class Described:
    """`values`: every metadata key with its GVariant of type `v`, serialized; `parent` is "" without one."""

    commit: Commit
    parent: str
    body: str
    values: Mapping[str, bytes]

    def text(self, key: str) -> str:
        """A metadata text, "" if there is none."""
        found = self.commit.metadata.get(key)
        return found if isinstance(found, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A metadata list of texts."""
        found = self.commit.metadata.get(key, ())
        return () if isinstance(found, (str, bytes)) else tuple(found)

    def is_set(self, key: str) -> bool:
        """Whether a metadata boolean is true."""
        return self.values.get(key) == b"\1\0b"

    @property
    def made_here(self) -> bool:
        """Whether an image's layers were merged to it on a machine."""
        return any(key.startswith(OURS) for key in self.values)


def describe(data: bytes) -> Described:
    """Read a commit object. Raises RepoCorrupt."""
    commit = parse_commit(data)
    variant = GLib.Variant.new_from_bytes(GLib.VariantType.new(_FORMAT), GLib.Bytes.new(data), False)  # noqa: FBT003
    metadata = variant.get_child_value(0)
    entries = (metadata.get_child_value(number) for number in range(metadata.n_children()))
    parent = variant.get_child_value(1).get_data_as_bytes().get_data() or b""
    return Described(
        commit=commit,
        parent=parent.hex(),
        body=variant.get_child_value(4).get_string(),
        values={entry.get_child_value(0).get_string(): _serialized(entry) for entry in entries},
    )


def _serialized(entry: GLib.Variant) -> bytes:
    """GVariant specification 2.5.2: the value, a NUL, its type."""
    value = entry.get_child_value(1).get_variant()
    return (value.get_data_as_bytes().get_data() or b"") + b"\0" + value.get_type_string().encode()
