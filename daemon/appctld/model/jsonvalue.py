# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""JSON from outside, read strictly, and typed access to what is in it.

Guarantees: no duplicate names, no NaN or Infinity, bounded size, UTF-8 only, and no escape that UTF-8 has no
bytes for; nesting that would exhaust the stack is refused by the parser itself. Every getter raises
`JsonError` with the name that is wrong. Which error that is for a caller is left to the caller.
"""

import json
import math
import re
from typing import NoReturn, TypeVar

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
JsonObject = dict[str, Json]
T = TypeVar("T")
_SURROGATE = re.compile(rb"\\u[dD]")


class JsonError(ValueError):
    """Bytes that are no acceptable JSON, or a member that is missing or of another type."""


class _Missing:
    """The default of a getter whose member must be there."""


_MISSING = _Missing()


def parse_json(data: bytes, limit: int) -> Json:
    """Read one JSON value of at most `limit` bytes (RFC 8259, with duplicate names refused)."""
    if len(data) > limit:
        raise JsonError(f"{len(data)} bytes of JSON where {limit} are allowed")
    try:
        value: Json = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if _SURROGATE.search(data):  # half a character passes as an escape, and then no one can encode it
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except JsonError:
        raise
    except (ValueError, RecursionError) as error:
        raise JsonError("this is no JSON that can be read") from error
    return value


def parse_object(data: bytes, limit: int) -> JsonObject:
    """Read one JSON object of at most `limit` bytes."""
    value = parse_json(data, limit)
    if not isinstance(value, dict):
        raise JsonError("this is no JSON object")
    return value


def _unique(pairs: list[tuple[str, Json]]) -> JsonObject:
    value: JsonObject = {}
    for key, item in pairs:
        if key in value:
            raise JsonError(f"'{key[:80]}' stands there twice")
        value[key] = item
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JsonError("a number that is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is not JSON")


def _get(obj: JsonObject, key: str, wanted: type[T], default: T | _Missing) -> T:
    value = obj.get(key)
    if value is None and not isinstance(default, _Missing):
        return default
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise JsonError(f"'{key}' is missing or no {wanted.__name__}")
    return value


def get_str(obj: JsonObject, key: str, default: str | _Missing = _MISSING) -> str:
    """The string at `key`; null counts as missing."""
    return _get(obj, key, str, default)


def get_int(obj: JsonObject, key: str, default: int | _Missing = _MISSING) -> int:
    """The whole number at `key`; true and false are none."""
    return _get(obj, key, int, default)


def get_bool(obj: JsonObject, key: str, default: bool | _Missing = _MISSING) -> bool:  # noqa: FBT001 - as its siblings
    """The truth value at `key`."""
    return _get(obj, key, bool, default)


def get_object(obj: JsonObject, key: str, default: JsonObject | _Missing = _MISSING) -> JsonObject:
    """The object at `key`."""
    return _get(obj, key, dict, default)


def get_list(obj: JsonObject, key: str, default: list[Json] | _Missing = _MISSING) -> list[Json]:
    """The array at `key`, of anything."""
    return _get(obj, key, list, default)


def get_objects(obj: JsonObject, key: str, default: list[Json] | _Missing = _MISSING) -> list[JsonObject]:
    """The array of objects at `key`."""
    return [item if isinstance(item, dict) else _not(key, "objects") for item in get_list(obj, key, default)]


def get_strings(obj: JsonObject, key: str, default: list[Json] | _Missing = _MISSING) -> list[str]:
    """The array of strings at `key`."""
    return [item if isinstance(item, str) else _not(key, "strings") for item in get_list(obj, key, default)]


def get_string_map(obj: JsonObject, key: str, default: JsonObject | _Missing = _MISSING) -> dict[str, str]:
    """The object at `key` whose members are all strings."""
    found = get_object(obj, key, default)
    return {name: item if isinstance(item, str) else _not(key, "strings") for name, item in found.items()}


def _not(key: str, wanted: str) -> NoReturn:
    raise JsonError(f"'{key}' does not hold only {wanted}")
