# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/jsonvalue.py: what is no JSON that two readers understand alike is refused."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.model.jsonvalue import (
    Json,
    JsonError,
    JsonObject,
    get_bool,
    get_int,
    get_list,
    get_object,
    get_objects,
    get_str,
    get_string_map,
    get_strings,
    parse_json,
    parse_object,
)

LIMIT = 1 << 20

HOSTILE = [
    (b"", "nothing"),
    (b"{", "cut off"),
    (b"{} {}", "two values"),
    (b'{"a":1,"a":2}', "a name twice"),
    (b'{"a":1,"\\u0061":2}', "a name twice, once escaped"),
    (b'[{"x":{"a":1,"b":2,"a":1}}]', "a name twice, deep inside"),
    (b'{"a":NaN}', "NaN"),
    (b'{"a":Infinity}', "Infinity"),
    (b'{"a":-Infinity}', "negative Infinity"),
    (b'{"a":1e999}', "a number that becomes Infinity"),
    (b'{"a":-1e999}', "a number that becomes negative Infinity"),
    (b'{"a":' + b"9" * 5000 + b"}", "a number that takes time to convert"),
    (b"\xff\xfe{\x00}\x00", "UTF-16"),
    (b"\xef\xbb\xbf{}", "a byte order mark"),
    (b'{"a":"\xff"}', "bytes that are no UTF-8"),
    (b'{"a":"\xed\xa0\x80"}', "half a character as bytes"),
    (b'{"a":"\\ud800"}', "half a character as an escape"),
    (b'{"a":["\\uDFFF"]}', "the other half"),
    (b'{"\\ud800":1}', "half a character in a name"),
    (b'"\\ud800"', "half a character alone"),
    (b'{"a":"\n"}', "a control character"),
    (b"{'a':1}", "other quotes"),
    (b'{"a":01}', "a leading zero"),
    (b'{"a":1,}', "a comma too many"),
    (b"// x\n{}", "a comment"),
    (b"[" * 200_000 + b"]" * 200_000, "nesting that would exhaust the stack"),
    (b'{"a":' * 150_000 + b"1" + b"}" * 150_000, "the same with objects"),
]


@pytest.mark.parametrize(("data", "why"), HOSTILE, ids=[why for _, why in HOSTILE])
def test_bad_json_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(JsonError):
        parse_json(data, LIMIT)


def test_the_limit_is_in_bytes_and_counts_before_parsing() -> None:
    assert parse_json(b'"\xc3\xa9"', 4) == "\N{LATIN SMALL LETTER E WITH ACUTE}"
    with pytest.raises(JsonError, match="4 bytes of JSON where 3 are allowed"):
        parse_json(b'"\xc3\xa9"', 3)


def test_a_whole_character_may_be_escaped_in_halves() -> None:
    assert parse_json(b'"\\ud83d\\ude00"', LIMIT) == "\N{GRINNING FACE}"


def test_a_backslash_before_ud_is_text() -> None:
    assert parse_json(b'"\\\\ud800"', LIMIT) == r"\ud800"


@pytest.mark.parametrize("data", [b"[]", b"1", b'"x"', b"null", b"true"])
def test_what_is_no_object_is_refused_where_one_is_wanted(data: bytes) -> None:
    assert parse_json(data, LIMIT) != {}
    with pytest.raises(JsonError, match="no JSON object"):
        parse_object(data, LIMIT)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans())
def test_what_json_says_comes_back(value: Json, escaped: bool) -> None:  # noqa: FBT001 - drawn
    assert parse_json(json.dumps(value, ensure_ascii=escaped).encode(), LIMIT) == value


OBJECT: JsonObject = {
    "str": "x",
    "int": 1,
    "bool": True,
    "float": 1.5,
    "null": None,
    "object": {"a": "b"},
    "list": ["x"],
    "objects": [{}],
    "mixed": ["x", 1, {}],
    "map": {"a": 1},
}

GOOD: list[tuple[Callable[..., object], str, object]] = [
    (get_str, "str", "x"),
    (get_int, "int", 1),
    (get_bool, "bool", True),
    (get_object, "object", {"a": "b"}),
    (get_list, "mixed", ["x", 1, {}]),
    (get_objects, "objects", [{}]),
    (get_strings, "list", ["x"]),
    (get_string_map, "object", {"a": "b"}),
]


@pytest.mark.parametrize(("get", "key", "expected"), GOOD)
def test_a_member_of_the_right_type_is_given(get: Callable[..., object], key: str, expected: object) -> None:
    assert get(OBJECT, key) == expected


BAD: list[tuple[Callable[..., object], str]] = [
    (get_str, "int"),
    (get_str, "null"),
    (get_str, "absent"),
    (get_str, "list"),
    (get_int, "str"),
    (get_int, "bool"),
    (get_int, "float"),
    (get_int, "absent"),
    (get_bool, "int"),
    (get_bool, "null"),
    (get_object, "list"),
    (get_object, "null"),
    (get_list, "object"),
    (get_list, "str"),
    (get_objects, "list"),
    (get_objects, "mixed"),
    (get_objects, "str"),
    (get_strings, "str"),
    (get_strings, "mixed"),
    (get_strings, "objects"),
    (get_string_map, "map"),
    (get_string_map, "list"),
]


@pytest.mark.parametrize(("get", "key"), BAD)
def test_a_member_of_another_type_is_an_error_that_names_it(get: Callable[..., object], key: str) -> None:
    with pytest.raises(JsonError, match=f"'{key}'"):
        get(OBJECT, key)


DEFAULTS: list[tuple[Callable[..., object], object]] = [
    (get_str, "d"),
    (get_int, 7),
    (get_bool, False),
    (get_object, {}),
    (get_list, []),
    (get_strings, []),
    (get_objects, []),
    (get_string_map, {}),
]


@pytest.mark.parametrize(("get", "default"), DEFAULTS)
def test_a_default_stands_for_absent_and_for_null_and_for_nothing_else(
    get: Callable[..., object], default: object
) -> None:
    assert get(OBJECT, "absent", default) == default
    assert get(OBJECT, "null", default) == default
    with pytest.raises(JsonError):
        get(OBJECT, "float", default)


def test_a_very_long_name_is_cut_in_the_error() -> None:
    name = b"x" * 10_000
    with pytest.raises(JsonError) as caught:
        parse_json(b'{"' + name + b'":1,"' + name + b'":1}', LIMIT)
    assert len(str(caught.value)) < 200
