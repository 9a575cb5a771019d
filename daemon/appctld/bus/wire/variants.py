# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Plain values to what the wire needs, and back, by signature and by the key tables of the XML.

Guarantees: what goes out fits its signature, or TypeError says where it does not; text that D-Bus cannot
carry (NUL, lone surrogates) is made harmless; what comes in is plain, and a known option of a wrong type is
refused. Whether an option makes sense is left to the rooms below.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from appctld.bus.wire.library import Variant
from appctld.bus.wire.schema import Keys
from appctld.system.foreign import Handed

_log = logging.getLogger(__name__)

T = TypeVar("T")

REQUIRE = "require-"
SHOWN, SHOWN_LETTERS = 8, 40  # of unknown options in the journal: whoever may call writes there

_RANGES = {  # D-Bus specification, "Basic types"
    "y": (0, 2**8 - 1),
    "n": (-(2**15), 2**15 - 1),
    "q": (0, 2**16 - 1),
    "i": (-(2**31), 2**31 - 1),
    "u": (0, 2**32 - 1),
    "x": (-(2**63), 2**63 - 1),
    "t": (0, 2**64 - 1),
}


class ArgumentError(ValueError):
    """A caller's argument of a wrong type: org.freedesktop.DBus.Error.InvalidArgs."""


def empty(signature: str) -> object:
    """The value that says nothing, as the wire needs it."""
    if signature.startswith("a{"):
        return {}
    if signature.startswith("a"):
        return []
    return {"s": "", "b": False, "d": 0.0}.get(signature, 0)


def encode(signature: str, value: object, keys: Keys | None = None, at: str = "") -> object:
    """One complete value for the wire; TypeError names the place that does not fit."""
    if signature == "a{sv}":
        return _encode_dictionary(value, keys or {}, at)
    if signature == "ay":
        return bytes(_expect(value, bytes, signature, at))
    if signature.startswith("a"):
        items = (
            value
            if isinstance(value, tuple | list | set | frozenset)
            else _expect(value, list, signature, at)
        )
        return [encode(signature[1:], item, keys, at) for item in items]
    if signature.startswith("("):
        return _encode_struct(signature, value, at)
    return _encode_basic(signature, value, at)


def natural(value: object) -> str:
    """The signature of a value that no table describes; TypeError when there is none."""
    simple: tuple[tuple[type, str], ...] = (
        (bool, "b"),
        (str, "s"),
        (bytes, "ay"),
        (float, "d"),
        (dict, "a{sv}"),
    )
    for kind, signature in simple:
        if isinstance(value, kind):
            return signature
    if isinstance(value, int):
        return "t" if value >= 0 else "x"
    if isinstance(value, list | tuple | frozenset):
        return "aa{sv}" if value and all(isinstance(item, dict) for item in value) else "as"
    raise TypeError(f"no D-Bus type for {type(value).__name__}")


def decode(value: object) -> object:
    """A plain value of what the library read; bytes stay bytes, structs (dbus-fast: tuples) become lists."""
    if isinstance(value, Variant):
        return decode(value.value)
    if isinstance(value, dict):
        return {str(key): decode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [decode(item) for item in value]
    return value


def decode_options(
    value: Mapping[str, Variant], keys: Keys, handed: Sequence[Handed] = ()
) -> dict[str, object]:
    """The options that this version knows, plain; a descriptor is the one of `handed` that it names.

    `require-KEY` is KEY, from a caller who would rather be refused than misunderstood. An unknown key is
    logged and left out. ArgumentError: a known one has another type than the XML says, or comes in both
    forms, or an unknown one is required.
    """
    unknown: list[str] = []
    known = _decode_known(value, keys, handed, "", unknown)
    if unknown:
        shown = ", ".join(repr(key[:SHOWN_LETTERS]) for key in unknown[:SHOWN])
        _log.info("%d unknown options are ignored: %s", len(unknown), shown)
    return known


def _decode_known(
    value: Mapping[str, Variant], keys: Keys, handed: Sequence[Handed], at: str, unknown: list[str]
) -> dict[str, object]:
    known: dict[str, object] = {}
    for given, item in value.items():
        key = given.removeprefix(REQUIRE)
        types = keys.get(at + key) or keys.get(f"{at}*")
        if types is None:
            _refuse_required(given)
            unknown.append(given)
            continue
        if key in known:
            raise ArgumentError(f"option '{key}' is given twice")
        if item.signature not in types:
            raise ArgumentError(f"option '{key}' has type {item.signature}, not {' or '.join(types)}")
        known[key] = (
            _descriptor(item, handed)
            if item.signature == "h"
            else _decode_inner(item, keys, f"{at}{key}/", unknown)
        )
    return known


def _decode_inner(item: Variant, keys: Keys, at: str, unknown: list[str]) -> object:
    """An option's value; dictionaries in it have keys of their own."""
    if item.signature == "a{sv}":
        return _decode_known(item.value, keys, (), at, unknown)
    if item.signature == "aa{sv}":
        return [_decode_known(each, keys, (), at, unknown) for each in item.value]
    return decode(item.value)


def _descriptor(item: Variant, handed: Sequence[Handed]) -> Handed:
    """The descriptor that came with the message; its place in it is what the value says."""
    if not isinstance(item.value, int) or not 0 <= item.value < len(handed):
        raise ArgumentError("a descriptor that did not come with the message")
    return handed[item.value]


def split(signature: str) -> Iterator[str]:
    """The complete types of a signature, one by one."""
    start = depth = 0
    for index, char in enumerate(signature):
        depth += (char in "({") - (char in ")}")
        if depth == 0 and char != "a":
            yield signature[start : index + 1]
            start = index + 1


def _refuse_required(key: str) -> None:
    if key.startswith(REQUIRE):
        raise ArgumentError(f"this version does not know '{key}', which the caller requires")


def _encode_dictionary(value: object, keys: Keys, at: str) -> dict[str, Variant]:
    """A value that does not fit is our own bug: it is logged and left out, the rest still arrives."""
    coded: dict[str, Variant] = {}
    for key, item in _expect(value, dict, "a{sv}", at).items():
        if item is None:
            continue
        place = f"{at}{key}"
        try:
            signature = keys.get(place, (None,))[0] or natural(item)
            coded[_text(str(key))] = Variant(signature, encode(signature, item, keys, f"{place}/"))
        except TypeError:
            _log.exception("'%s' cannot be sent", place)
    return coded


def _encode_struct(signature: str, value: object, at: str) -> list[object]:
    types = list(split(signature[1:-1]))
    items = list(value) if isinstance(value, tuple | list) else []
    if len(items) != len(types):
        raise TypeError(f"{at or 'value'} does not fit {signature}")
    return [encode(kind, item, None, at) for kind, item in zip(types, items, strict=True)]


def _encode_basic(signature: str, value: object, at: str) -> object:
    if signature in _RANGES:
        number = _expect(value, int, signature, at)
        low, high = _RANGES[signature]
        if isinstance(value, bool) or not low <= number <= high:
            raise TypeError(f"{at or 'value'} does not fit {signature}")
        return number
    basic: dict[str, Callable[[], object]] = {
        "b": lambda: _expect(value, bool, signature, at),
        "d": lambda: _expect(value, float, signature, at),
        "s": lambda: _text(_expect(value, str, signature, at)),
        "o": lambda: _expect(value, str, signature, at),
    }
    if signature not in basic:
        raise TypeError(f"{at or 'value'} has type {signature}, which nothing here sends")
    return basic[signature]()


def _text(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _expect(value: object, kind: type[T], signature: str, at: str) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{at or 'value'} is {type(value).__name__} and does not fit {signature}")
    return value
