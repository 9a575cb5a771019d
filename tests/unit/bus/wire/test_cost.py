# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""All that the XML describes is read, at its longest; what would only be work is not."""

import base64
import random
import struct
from collections.abc import Callable

import pytest
from jeepney import Endianness, HeaderFields, new_method_call

from appctld.bus.objects.asked import OPTIONS_BYTES, REFS_BYTES
from appctld.bus.objects.settings import TEXT_BYTES
from appctld.bus.wire import cost
from appctld.bus.wire.cost import ITEMS, SHORT_BYTES, SIGNATURE_BYTES, VALUES, is_affordable
from appctld.bus.wire.library import Message, Variant, as_bytes
from appctld.config.remotes import CA_BYTES, COSIGN_BYTES, KEYRING_BYTES
from appctld.trust.keyset import UPDATE_BYTES
from flooding import messages


def noise(length: int) -> bytes:
    """Bytes of a key, the same ones every time."""
    return random.Random(1).randbytes(length)  # noqa: S311


def text(length: int) -> str:
    return base64.b64encode(noise(length)).decode()[:length]


def body_of(signature: str, *values: object) -> bytes:
    """A call's bytes, and nothing of its body that a library would not write."""
    call = Message("a.b", "/", "a.b", "C", signature=signature, body=list(values), serial=1)
    return as_bytes(call)


def header_of(message: bytes) -> int:
    (fields,) = struct.unpack_from("<I", message, 12)
    return 16 + (int(fields) + 7) // 8 * 8


def affordable(message: bytes) -> bool:
    return is_affordable(message, header_of(message))


def settings(**values: Variant) -> bytes:
    return body_of("sa{sv}", "acme", {key.replace("_", "-"): value for key, value in values.items()})


LOGIN = {"host": Variant("s", "quay.io"), "identity-token": Variant("s", text(OPTIONS_BYTES // 16))}
WANTED = {
    "nothing": body_of(""),
    "a job": body_of(
        "asa{sv}", [text(250)] * (REFS_BYTES // 250), {"registry-auth": Variant("aa{sv}", [LOGIN] * 16)}
    ),
    "a file of zeros": body_of("ay", bytes(64 << 10)),
    "a remote": settings(
        ca=Variant("ay", base64.encodebytes(noise(CA_BYTES * 3 // 4))[:CA_BYTES]),
        gpg_keys=Variant("aay", [noise(KEYRING_BYTES // 32)] * 32),
        cosign_keys=Variant("aay", [noise(COSIGN_BYTES // 32)] * 32),
        title=Variant("s", text(TEXT_BYTES // 2)),
        fingerprints=Variant("as", ["A" * 40] * 32),
        keep_blobs=Variant("b", bool(KEYRING_BYTES)),
        threshold=Variant("u", 2),
        max_apps=Variant("t", 2),
    ),
    "a set of keys": settings(
        keyring_update=Variant("ay", base64.encodebytes(noise(UPDATE_BYTES * 3 // 4))[:UPDATE_BYTES])
    ),
    "bytes that look like signatures": settings(keyring_update=Variant("ay", b"\0s" * (UPDATE_BYTES // 2))),
    "texts that look like signatures": body_of("asa{sv}", ["v" * 60] * 300, {}),
}


@pytest.mark.parametrize("name", WANTED)
def test_the_longest_of_what_is_described_is_read(name: str) -> None:
    assert affordable(WANTED[name])


def in_the_other_order() -> bytes:
    """Settings with a long CA, as a machine would send them whose numbers begin with the highest byte."""
    call = new_method_call(messages.to(messages.MANAGER), "AddRemote")
    call.header.endianness = Endianness.big
    call.header.fields[HeaderFields.signature] = "sa{sv}"
    entry = struct.pack(">I", 2) + b"ca\0" + b"\2ay\0" + bytes(1)
    entry += struct.pack(">I", SHORT_BYTES) + bytes(SHORT_BYTES)
    body = struct.pack(">I", 1) + b"x\0" + bytes(2) + struct.pack(">I", len(entry)) + bytes(4) + entry
    call.header.body_length = len(body)
    head = call.header.serialise(1)
    return head + bytes(-len(head) % 8) + body


def test_either_order_of_bytes_is_read() -> None:
    message = in_the_other_order()
    header = len(message) - struct.unpack_from(">I", message, 4)[0]
    assert is_affordable(message, header)
    assert not is_affordable(b"l" + message[1:], header)


def disguised() -> bytes:
    """Structs of numbers after some whose bytes are those of a name, and of the head of a setting."""
    first = struct.pack("<I", 1) + b"x\0" + bytes(2)
    values = bytes(range(1, 9)) * (SHORT_BYTES // 4)
    entry = struct.pack("<I", 2) + b"ca\0" + b"\2ay\0" + bytes(1)
    rest = struct.pack("<I", len(values)) + bytes(4) + values
    entry += struct.pack("<I", len(rest))
    whole = first + struct.pack("<I", len(entry) + len(rest)) + bytes(4) + entry + bytes(4)
    return messages.with_body("uuuuuuuuua(nnnn)", whole[:36] + rest)


def beyond() -> bytes:
    """An array that ends within its text, of which the rest is read as an empty array of variants."""
    text = struct.pack("<I", 64) + bytes(65)
    return messages.with_body("asav", struct.pack("<I", 4) + text + bytes(3) + struct.pack("<I", 0))


UNWANTED = {
    "texts": messages.oversize(1 << 20),
    "numbers": messages.shorts(1 << 20),
    "signatures": messages.signatures(1 << 20, 1),
    "signatures in few bytes": messages.signatures(3 * SIGNATURE_BYTES, 1),
    "texts among settings": settings(fingerprints=Variant("as", [""] * (SHORT_BYTES // 8 + 2))),
    "numbers among settings": settings(x=Variant("an", [257] * SHORT_BYTES)),
    "many settings": settings(**{f"x{number}": Variant("s", "!" * 400) for number in range(ITEMS + 1)}),
    "many parts": settings(gpg_keys=Variant("aay", [b"x" * (SHORT_BYTES // ITEMS)] * (ITEMS + 1))),
    "texts that look like settings": body_of("asa{sv}", [""] * (SHORT_BYTES // 8 + 2), {}),
    "numbers that look like settings": disguised(),
    "structs in structs": messages.with_body(
        f"a{'(' * 31}y{')' * 31}", struct.pack("<I", 80 << 10) + bytes(4) + bytes(80 << 10)
    ),
    "structs of bytes": messages.with_body(
        "a(yyyyyyyy)", struct.pack("<I", 80 << 10) + bytes(4) + bytes(80 << 10)
    ),
    "numbers in structs": messages.shorts(80 << 10),
    "an array that ends within a value": beyond(),
    "a type that nobody knows": messages.with_body("se", messages.EMPTY_STRING + bytes(8)),
    "a name alone": body_of("s", "x" * (SHORT_BYTES + 1)),
}


@pytest.mark.parametrize("name", UNWANTED)
def test_what_would_only_be_work_is_not_read(name: str) -> None:
    assert not affordable(UNWANTED[name])


@pytest.mark.parametrize("missing", [1, 5, 1000, SHORT_BYTES // 2])
def test_lengths_that_lead_beyond_the_end_are_harmless(missing: int) -> None:
    whole = WANTED["a remote"]
    affordable(whole[: header_of(whole) + SHORT_BYTES + missing])


SHAPES: dict[str, tuple[str, int, Callable[[int], object]]] = {
    "texts": ("as", 1, lambda count: [""] * count),
    "structs": ("a(qs)", 3, lambda count: [[1, "x"]] * count),
    "structs in structs": ("a((((y))))", 5, lambda count: [[[[[1]]]]] * count),
    "options": ("a{sv}", 4, lambda count: {f"{number:04}": Variant("u", 1) for number in range(count)}),
    "variants": ("av", 2, lambda count: [Variant("x", 1)] * count),
    "arrays": ("aas", 2, lambda count: [["x"]] * count),
    "signatures": ("aag", 1, lambda count: [[]] * count),
} | {f"numbers ({kind})": (f"a{kind}", 1, lambda count: [True] * count) for kind in "nqbiuhxtd"}
"""Signature, how many values one element is, and that many of them."""


@pytest.mark.parametrize("shape", SHAPES)
def test_so_many_values_are_read_and_no_more(shape: str) -> None:
    signature, each, elements = SHAPES[shape]
    most = (VALUES - 1) // each  # and the array itself
    assert affordable(body_of(signature, elements(most)))
    assert not affordable(body_of(signature, elements(most + 1)))


def test_an_array_of_bytes_is_one_value() -> None:
    assert affordable(body_of("ays", bytes(VALUES + 9), "x"))


def test_so_many_bytes_of_signatures_are_read_and_no_more() -> None:
    empty = Variant(f"a({'y' * 125})", [])  # one value, of 128 types
    assert affordable(body_of("av", [empty] * (SIGNATURE_BYTES // 128 - 1)))  # the header has some, too
    assert not affordable(body_of("av", [empty] * (SIGNATURE_BYTES // 128)))


@pytest.mark.parametrize("name", [name for name in WANTED if name != "nothing"])
def test_the_way_through_a_body_ends_where_it_ends(name: str) -> None:
    """Else what is counted is not what the library reads."""
    walk = cost._Walk(WANTED[name])
    walk.count(header_of(WANTED[name]))
    assert walk._at == len(WANTED[name])
