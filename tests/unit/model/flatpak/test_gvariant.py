# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/flatpak/gvariant.py against GLib, and what it refuses."""

import pytest
from gi.repository import GLib

from appctld.errors import BadManifest
from appctld.model.flatpak.gvariant import NESTING, TYPE_BYTES, check_variant


@pytest.mark.parametrize(
    "text",
    [
        "'x'", "''", "true", "byte 0x07", "int16 1", "uint16 1", "5", "uint32 5", "int64 5", "uint64 5",
        "1.5", "handle 1", "objectpath '/a'", "signature 'a{sv}'", "@as []", "['a', 'b']", "@a{sv} {}",
        "{'a': <1>, 'b': <'x'>}", "(1, 'x', [byte 0x01])", "@ms nothing", "just 'x'", "<<1>>", "@() ()",
        "[(1, {'k': <(2, 3)>})]",
    ],
)  # fmt: skip
def test_what_glib_writes_is_one(text: str) -> None:
    value = GLib.Variant.parse(None, text, None, None)
    check_variant(GLib.Variant("v", value).get_data_as_bytes().get_data() or b"", "it")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"s",
        b"ay",
        b"x\0",
        b"\0",
        b"x\0\0",
        b"x\0\0S",
        b"x\0\0ss",
        b"x\0\0\xff",
        b"\1\0\0\0\0{sv}}",
        b"\1\0a",
        b"\1\0m",
        b"\1\0(ii",
        b"\1\0(i}",
        b"\1\0{is}x",
        b"\1\0{vs}",
        b"\1\0{s}",
        b"\1\0ii",
        b"\1\2\3\0u",
        b"\2\0b",
        b"no zero byte behind it\0s",
        b"a\0b\0\0s",
        b"\xff\0\0s",
        b"\0s",
        b"x\0" + b"a" * (NESTING + 1) + b"s",
        b"x\0" + b"(" * (NESTING + 1) + b")" * (NESTING + 1),
        b"x\0(" + b"s" * (TYPE_BYTES - 1) + b")",
    ],
)
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(BadManifest, match="it is no GVariant"):
        check_variant(data, "it")


def test_the_deepest_type_is_one() -> None:
    check_variant(b"\0" + b"a" * NESTING + b"s", "it")
    check_variant(b"\0(" + b"s" * (TYPE_BYTES - 2) + b")", "it")
