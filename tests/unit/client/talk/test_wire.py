# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""D-Bus values: variants are taken out along the signature, so that a pair of texts stays a pair."""

import pytest

from appctl.talk.wire import (
    get_int,
    get_objects,
    get_str,
    get_strings,
    get_triples,
    options,
    plain,
    split,
    underscored,
)


@pytest.mark.parametrize(
    ("signature", "parts"),
    [
        ("", []),
        ("s", ["s"]),
        ("asa{sv}", ["as", "a{sv}"]),
        ("oss(a(ss)u)aa{sa{sv}}b", ["o", "s", "s", "(a(ss)u)", "aa{sa{sv}}", "b"]),
    ],
)
def test_signatures_are_cut_into_types(signature: str, parts: list[str]) -> None:
    assert list(split(signature)) == parts


def test_an_unbalanced_signature_is_refused() -> None:
    with pytest.raises(ValueError, match="unbalanced"):
        list(split("a{sv"))


@pytest.mark.parametrize(
    ("signature", "value", "expected"),
    [
        ("v", ("s", "x"), "x"),
        ("a(ss)", [("s", "x")], [["s", "x"]]),
        (
            "a{sv}",
            {"a": ("a(sss)", [("k", "v", "r")]), "b": ("v", ("u", 1))},
            {"a": [["k", "v", "r"]], "b": 1},
        ),
        ("aa{sv}", [{"x": ("as", ["y"])}], [{"x": ["y"]}]),
        ("ay", b"\x01\x02", [1, 2]),
    ],
)
def test_variants_are_taken_out(signature: str, value: object, expected: object) -> None:
    assert plain(signature, value) == expected


@pytest.mark.parametrize(("signature", "value"), [("a{sv}", "x"), ("(ss)", ("a",)), ("v", "x"), ("s", None)])
def test_what_does_not_fit_its_signature_is_refused(signature: str, value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - from zip or from us
        plain(signature, value)


def test_options_leave_out_what_has_no_value() -> None:
    given = {
        "a": None,
        "b": False,
        "c": True,
        "d": "x",
        "e": "",
        "f": [b"k"],
        "g": {},
        "h": {"u": "v"},
        "i": ["s"],
    }
    assert options(given) == {
        "c": ("b", True), "d": ("s", "x"), "e": ("s", ""), "f": ("aay", [b"k"]),
        "h": ("a{sv}", {"u": ("s", "v")}), "i": ("as", ["s"]),
    }  # fmt: skip


def test_json_has_underscores_all_the_way_down() -> None:
    assert underscored({"a-b": [{"c-d": 1}], "e": "f-g"}) == {"a_b": [{"c_d": 1}], "e": "f-g"}


def test_what_is_of_another_type_counts_as_absent() -> None:
    values = {"s": 1, "i": "x", "l": ["a", 1], "o": [1, {"a": 1}], "t": [["a", "b"], ["a", "b", "c"]]}
    assert get_str(values, "s") == ""  # type: ignore[arg-type]
    assert get_int(values, "i", -1) == -1  # type: ignore[arg-type]
    assert get_strings(values, "l") == ["a"]  # type: ignore[arg-type]
    assert get_objects(values, "o") == [{"a": 1}]  # type: ignore[arg-type]
    assert get_triples(values, "t") == [("a", "b", "c")]  # type: ignore[arg-type]
