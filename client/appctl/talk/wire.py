# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Between D-Bus values and plain ones: the only place that knows what a variant looks like.

jeepney gives a variant as (signature, value), which cannot be told from a structure without the signature of
what surrounds it; so everything is read along the signature. Keys keep their hyphens until they are printed.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
Json: TypeAlias = dict[str, "JsonValue"]


class Descriptor:
    """An open file that is sent along; the number stays its owner's."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """The number."""
        return self._number


_BASIC = {bool: "b", int: "t", str: "s", bytes: "ay", Descriptor: "h"}
_CLOSING = {"(": ")", "{": "}"}


def split(signature: str) -> Iterator[str]:
    """Cut a signature into its complete types: `a{sv}ub` -> `a{sv}`, `u`, `b` (D-Bus specification)."""
    start = 0
    while start < len(signature):
        end = _end(signature, start)
        yield signature[start:end]
        start = end


def _end(signature: str, position: int) -> int:
    while signature[position] == "a":
        position += 1
    closing = _CLOSING.get(signature[position])
    if closing is None:
        return position + 1
    depth = 0
    for index in range(position, len(signature)):
        depth += (signature[index] in "({") - (signature[index] in ")}")
        if depth == 0:
            return index + 1
    raise ValueError(f"unbalanced signature {signature!r}")


def plain(signature: str, value: object) -> JsonValue:
    """Take the variants out of one value. Structures become lists; byte arrays lists of numbers."""
    match signature[0], value:
        case "v", (str(inner), content):
            return plain(inner, content)
        case "a", dict():
            kind = list(split(signature[2:-1]))[1]
            return {str(key): plain(kind, item) for key, item in value.items()}
        case "a", list() | bytes():
            return [plain(signature[1:], item) for item in value]
        case "(", tuple():
            return [plain(kind, item) for kind, item in zip(split(signature[1:-1]), value, strict=True)]
        case kind, bool() | int() | float() | str() if kind not in "va(":
            return value
        case _:
            raise ValueError(f"a value that is no {signature!r}")


def variant(value: object) -> tuple[str, object]:
    """Wrap an option's value as jeepney wants it; the signature follows from the type."""
    if isinstance(value, dict):
        return "a{sv}", options(value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "aa{sv}", [options(item) for item in value]
    if isinstance(value, list):
        return ("aay" if value and isinstance(value[0], bytes) else "as"), value
    return _BASIC[type(value)], value


def options(values: Mapping[str, object]) -> dict[str, tuple[str, object]]:
    """An `a{sv}`: what is None, False or empty is left out, as a key that is not there has no value."""
    return {key: variant(value) for key, value in values.items() if value or value == ""}


def underscored(value: JsonValue) -> JsonValue:
    """Change the keys' hyphens to underscores, all the way down: the names that --json promises."""
    if isinstance(value, dict):
        return {key.replace("-", "_"): underscored(item) for key, item in value.items()}
    return [underscored(item) for item in value] if isinstance(value, list) else value


def snake(name: str) -> str:
    """Spell a property's name as --json does: `BytesDone` becomes `bytes_done`."""
    return "".join(f"_{item.lower()}" if item.isupper() else item for item in name).lstrip("_")


def get_str(values: Mapping[str, JsonValue], key: str) -> str:
    """Return a text, or an empty one."""
    value = values.get(key)
    return value if isinstance(value, str) else ""


def get_int(values: Mapping[str, JsonValue], key: str, default: int = 0) -> int:
    """Return a number, or the default."""
    value = values.get(key)
    return value if isinstance(value, int) else default


def get_strings(values: Mapping[str, JsonValue], key: str) -> list[str]:
    """Return a list of texts, or an empty one."""
    value = values.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def get_object(values: Mapping[str, JsonValue], key: str) -> Json:
    """Return a dictionary, or an empty one."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}


def get_objects(values: Mapping[str, JsonValue], key: str) -> list[Json]:
    """Return a list of dictionaries, or an empty one."""
    value = values.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def get_triples(values: Mapping[str, JsonValue], key: str) -> list[tuple[str, str, str]]:
    """Return an `a(sss)`, e.g. permissions: (kind, value, risk)."""
    value = values.get(key)
    items = value if isinstance(value, list) else []
    triples = [
        item for item in items if isinstance(item, list) and len(item) == len(("kind", "value", "risk"))
    ]
    return [(str(first), str(second), str(third)) for first, second, third in triples]
