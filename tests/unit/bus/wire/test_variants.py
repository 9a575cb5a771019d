# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Values to the wire and back."""

import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.bus.wire.library import Message, MessageType, Variant, as_bytes
from appctld.bus.wire.variants import ArgumentError, decode, decode_options, empty, encode, natural, split
from appctld.system.foreign import Handed

KEYS = {
    "size": ("t",),
    "permissions": ("a(sss)",),
    "apps": ("aa{sv}",),
    "apps/layers": ("as",),
    "apps/size": ("t",),
    "inner": ("a{sv}",),
    "inner/name": ("s",),
    "either": ("b", "s"),
    "file": ("h",),
    "inner/file": ("h",),
}


@pytest.mark.parametrize("place", [1, 2**31])
def test_a_descriptor_is_one_that_came_with_the_message(place: int) -> None:
    handed = Handed(os.open("/dev/null", os.O_RDONLY))
    assert decode_options({"file": Variant("h", 0)}, KEYS, [handed]) == {"file": handed}
    with pytest.raises(ArgumentError, match="did not come with the message"):
        decode_options({"file": Variant("h", place)}, KEYS, [handed])
    with pytest.raises(ArgumentError, match="did not come with the message"):
        decode_options({"inner": Variant("a{sv}", {"file": Variant("h", 0)})}, KEYS, [handed])
    handed.close()


def test_a_dictionary_gets_the_types_of_its_keys_at_every_depth() -> None:
    value = {"size": 5, "permissions": [("a", "b", "c")], "apps": [{"layers": [], "size": 0}], "other": [{}]}
    assert encode("a{sv}", value, KEYS) == {
        "size": Variant("t", 5),
        "permissions": Variant("a(sss)", [["a", "b", "c"]]),
        "apps": Variant("aa{sv}", [{"layers": Variant("as", []), "size": Variant("t", 0)}]),
        "other": Variant("aa{sv}", [{}]),
    }


def test_what_has_no_value_is_left_out() -> None:
    assert encode("a{sv}", {"size": None}, KEYS) == {}


@pytest.mark.parametrize("value", ["5", -1, 2**64, True, 1.5, [5]])
def test_a_value_that_does_not_fit_its_key_is_left_out_and_logged(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert encode("a{sv}", {"size": value, "inner": {"name": "x"}}, KEYS) == {
        "inner": Variant("a{sv}", {"name": Variant("s", "x")})
    }
    assert "'size' cannot be sent" in caplog.text


@pytest.mark.parametrize(
    ("signature", "value"),
    [
        ("s", 5),
        ("b", 1),
        ("i", 2**31),
        ("u", -1),
        ("as", "text"),
        ("a(sss)", [("a", "b")]),
        ("(ss)", "ab"),
        ("a{sv}", []),
        ("h", 3),
        ("d", "x"),
    ],
)
def test_a_value_that_does_not_fit_a_signature_is_our_bug(signature: str, value: object) -> None:
    with pytest.raises(TypeError):
        encode(signature, value)


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=50))
def test_any_text_can_be_sent(text: str) -> None:
    coded = encode("s", text)
    message = Message(
        message_type=MessageType.SIGNAL, path="/", interface="a.b", member="C", signature="s", body=[coded]
    )
    assert "\0" not in str(coded)
    message.serial = 1
    as_bytes(message)


@pytest.mark.parametrize(
    ("value", "signature"),
    [
        (True, "b"),
        (5, "t"),
        (-5, "x"),
        ("x", "s"),
        ([], "as"),
        (["x"], "as"),
        ([{"a": 1}], "aa{sv}"),
        ({}, "a{sv}"),
        (1.5, "d"),
        (b"x", "ay"),
    ],
)
def test_values_without_a_table_have_a_natural_type(value: object, signature: str) -> None:
    assert natural(value) == signature
    encode(signature, value)


def test_an_object_has_no_natural_type() -> None:
    with pytest.raises(TypeError):
        natural(object())


def test_options_come_in_plain() -> None:
    options = {
        "size": Variant("t", 5),
        "inner": Variant("a{sv}", {"name": Variant("s", "x"), "more": Variant("s", "y")}),
        "either": Variant("s", "yes"),
    }
    assert decode_options(options, KEYS) == {"size": 5, "inner": {"name": "x"}, "either": "yes"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", Variant("u", 5)),
        ("either", Variant("u", 1)),
        ("inner", Variant("a{sv}", {"name": Variant("u", 1)})),
        ("inner", Variant("as", [])),
        ("require-more", Variant("s", "x")),
        ("inner", Variant("a{sv}", {"require-more": Variant("s", "x")})),
    ],
)
def test_options_of_another_type_or_that_must_be_understood_are_refused(key: str, value: Variant) -> None:
    with pytest.raises(ArgumentError):
        decode_options({key: value}, KEYS)


def test_a_known_option_may_be_required_and_is_itself_then() -> None:
    assert decode_options({"require-either": Variant("s", "x")}, KEYS) == {"either": "x"}
    with pytest.raises(ArgumentError, match="twice"):
        decode_options({"either": Variant("s", "x"), "require-either": Variant("s", "y")}, KEYS)
    with pytest.raises(ArgumentError, match="has type"):
        decode_options({"require-either": Variant("u", 1)}, KEYS)


def test_unknown_options_are_logged_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert decode_options({"colour": Variant("s", "red")}, KEYS) == {}
    assert "colour" in caplog.text


def test_of_however_many_unknown_options_the_journal_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    keys = {"logins": ("aa{sv}",), "logins/host": ("s",)}
    many = {f"{number}{'x' * 1000}": Variant("b", value=True) for number in range(1000)}
    found = decode_options({**many, "logins": Variant("aa{sv}", [many, {"host": Variant("s", "h")}])}, keys)
    assert found == {"logins": [{}, {"host": "h"}]}
    (line,) = caplog.messages
    assert "2000 unknown" in line
    assert len(line) < 1000


def test_where_every_key_counts_an_unknown_one_is_passed_on() -> None:
    keys = {"url": ("s",), "*": ("s",)}
    assert decode_options({"max-age": Variant("s", "9d")}, keys) == {"max-age": "9d"}
    with pytest.raises(ArgumentError):
        decode_options({"max-age": Variant("u", 9)}, keys)


def test_decode_takes_every_variant_off() -> None:
    assert decode([Variant("a{sv}", {"x": Variant("ay", b"y")})]) == [{"x": b"y"}]


def test_decode_makes_lists_of_the_structs_of_either_library() -> None:
    assert decode([("kind", Variant("s", "value"))]) == [["kind", "value"]]


@pytest.mark.parametrize(
    ("signature", "types"), [("", []), ("sa{sv}", ["s", "a{sv}"]), ("aa(ss)b", ["aa(ss)", "b"])]
)
def test_split(signature: str, types: list[str]) -> None:
    assert list(split(signature)) == types


@pytest.mark.parametrize(
    ("signature", "value"), [("s", ""), ("as", []), ("a{sv}", {}), ("b", False), ("t", 0), ("a(sss)", [])]
)
def test_empty(signature: str, value: object) -> None:
    assert empty(signature) == value
