# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Messages to the daemon, as bytes: ordinary calls, and such as no library would write.

Sending them is clients.py's.
"""

import random
import struct
from collections.abc import Iterator

from jeepney import DBusAddress, Endianness, HeaderFields, Message, MessageType, new_method_call

NAME = "org.appctl.Installer1"
ROOT = "/org/appctl/Installer1"
MANAGER = f"{NAME}.Manager"
STANDARD = "org.freedesktop.DBus"
BUS = DBusAddress("/org/freedesktop/DBus", STANDARD, STANDARD)
DEEPEST = 60  # variants in variants; the bus takes 64 levels of all kinds
SIGNATURE_TYPES = 250  # in one signature, of at most 255
EMPTY_STRING = bytes(8)  # its length, its end, and what makes the next begin at a multiple of four
_EITHER = b"yg" * 128  # of a byte and a signature: what makes signatures differ, and values short
_KIND, _FLAGS, _FIELDS = 1, 2, 12  # where they are in a message


def to(interface: str, path: str = ROOT) -> DBusAddress:
    """The daemon."""
    return DBusAddress(path, NAME, interface)


def get_busy() -> Message:
    """The simple call that others make meanwhile."""
    return new_method_call(to(f"{STANDARD}.Properties"), "Get", "ss", (MANAGER, "Busy"))


def get_id() -> Message:
    """The same to the bus itself: what this takes is not the daemon's."""
    return new_method_call(BUS, "GetId")


def list_apps() -> Message:
    """A call that reads what is installed."""
    return new_method_call(to(MANAGER), "List", "a{sv}", ({},))


def introspect() -> Message:
    """The shortest question for a long answer."""
    return new_method_call(to(f"{STANDARD}.Introspectable"), "Introspect")


def check_updates() -> Message:
    """A job, of which signals tell."""
    return new_method_call(to(MANAGER), "CheckUpdates", "a{sv}", ({},))


def subscribe() -> Message:
    """From now on the daemon's signals come."""
    return new_method_call(BUS, "AddMatch", "s", (f"type='signal',sender='{NAME}'",))


def raw(message: Message, serial: int = 1) -> bytes:
    """The message's bytes."""
    return bytes(message.serialise(serial))


def with_body(signature: str, body: bytes, member: str = "Install") -> bytes:
    """A call with these very bytes as its body."""
    header = new_method_call(to(MANAGER), member).header
    header.fields[HeaderFields.signature] = signature
    header.body_length = len(body)
    head = bytes(header.serialise(1))
    return head + bytes(-len(head) % 8) + body


def with_descriptors(count: int) -> bytes:
    """A call that says so many descriptors come along."""
    header = list_apps()
    header.header.fields[HeaderFields.unix_fds] = count
    return raw(header)


def oversize(length: int) -> bytes:
    """References that are empty strings, as many as fit: each costs a library much more than its bytes."""
    refs = (EMPTY_STRING * (length // len(EMPTY_STRING)))[:-3]
    return with_body("as", struct.pack("<I", len(refs)) + refs)


def deep() -> Iterator[bytes]:
    """As deep as the bus lets through: variants in variants, arrays and structs in each other."""
    nested = b"\x01v\0" * DEEPEST + b"\x01y\0" + b"\0"
    yield with_body("v", nested)
    option = struct.pack("<I", 1) + b"x\0" + nested
    yield with_body("asa{sv}", bytes(4) + struct.pack("<I", len(option)) + option)
    yield with_body("a" * 32 + "y", bytes(4))
    yield with_body("(" * 31 + "y" + ")" * 31, bytes(1))


def shorts(length: int) -> bytes:
    """Structs of four numbers of two bytes each."""
    values = b"\1" * (length // 8 * 8)
    return with_body("a(nnnn)", struct.pack("<I", len(values)) + bytes(4) + values)


def options(length: int) -> bytes:
    """As many options that nobody knows."""
    entries = b"".join(
        struct.pack("<I", 7) + b"%07d\0" % number + b"\1b\0\0" + struct.pack("<I", 1) + bytes(4)
        for number in range(length // 24)
    )[:-4]
    return with_body("a{sv}", struct.pack("<I", len(entries)) + bytes(4) + entries, "List")


def signatures(length: int, seed: int) -> bytes:
    """An array of variants, each of another long signature: a library keeps a tree of each."""
    chance = random.Random(seed)  # noqa: S311 - the same for everybody
    body = bytearray(4)
    while len(body) < length:
        types = chance.randbytes(SIGNATURE_TYPES).translate(_EITHER)
        text = b"(" + types + b")"
        body += bytes([len(text)]) + text + b"\0"
        body += bytes(-len(body) % 8) + bytes(len(types) + types.count(b"g"))
    struct.pack_into("<I", body, 0, len(body) - 4)
    return with_body("av", bytes(body))


def odd() -> Iterator[bytes]:
    """Correct to the bus, of no use to us: what is to be ignored, was not asked for, or is not ours."""
    call = raw(list_apps())
    for kind in (5, 77, 255):
        yield _changed(call, _KIND, kind)
    for flags in (0x08, 0xF8, 0xFF):
        yield _changed(call, _FLAGS, flags)
    big = list_apps()
    big.header.endianness = Endianness.big
    yield raw(big)
    for unasked in (MessageType.method_return, MessageType.error, MessageType.signal):
        yield raw(_unasked(unasked))
    yield raw(new_method_call(to("a.b", path="/" + "a" * 10_000), "Nothing"))
    yield raw(new_method_call(to("a.b", path="/" + "a" * 1_000_000), "Nothing"))
    yield raw(new_method_call(to("a." + "b" * 253), "N" * 255))
    without = list_apps()
    del without.header.fields[HeaderFields.interface]
    yield raw(without)


def malformed() -> Iterator[bytes]:
    """What the bus itself refuses, and hangs up."""
    call = raw(list_apps())
    yield b"GET / HTTP/1.1\r\n\r\n" * 4
    yield bytes(64)
    yield _changed(call, 0, ord("x"))
    yield _changed(call, 3, 9)
    yield _changed(call, _KIND, 0)
    yield call[:4] + struct.pack("<I", 200 << 20) + call[8:]
    yield call[:_FIELDS] + struct.pack("<I", 1 << 27) + call[_FIELDS + 4 :]
    yield with_body("s", struct.pack("<I", 4) + b"\xff\xfe\xfd\xfc\0")
    yield with_body("s", struct.pack("<I", 400) + b"x\0")
    yield with_body("v", b"\x01v\0" * 70 + b"\x01y\0\0")
    yield with_body("(" * 40 + "y" + ")" * 40, b"\0")
    yield with_body("b", struct.pack("<I", 2))


def _changed(message: bytes, at: int, value: int) -> bytes:
    return message[:at] + bytes([value]) + message[at + 1 :]


def _unasked(kind: MessageType) -> Message:
    message = new_method_call(to("a.b"), "Nothing")
    message.header.message_type = kind
    fields = message.header.fields
    if kind is not MessageType.signal:
        fields[HeaderFields.reply_serial] = 101
        for name in (HeaderFields.path, HeaderFields.interface, HeaderFields.member):
            del fields[name]
    if kind is MessageType.error:
        fields[HeaderFields.error_name] = "a.b.C"
    return message
