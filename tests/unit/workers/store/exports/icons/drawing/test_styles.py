# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""No value of a drawing names anything outside it, however it is written."""

import pytest

from appctld.workers.store.exports.icons.drawing.styles import (
    RULES,
    allows,
    declarations,
    is_plain,
    references,
    sheet,
    written,
)

PLAIN = [
    "red",
    "#ff0000",
    "rgb(1, 2, 3)",
    "rgba(1 2 3 / 50%)",
    "url(#a)",
    "url( '#a.b-c:d' )",
    'url("#a") none',
    "M0 0C1.5 2-3 4z",
    "matrix(1 0 0 1 2 3) translate (1,2)",
    "'DejaVu Sans', sans-serif",
    "",
]
NOT_PLAIN = [
    "url(a.png)",
    "url(http://acme.example/a.svg#b)",
    "url(//acme.example/)",
    "url(file:///etc/passwd)",
    "url(data:image/png;base64,AA==)",
    "URL(#a)",
    "url(a.svg#b)",
    "url('#a)",
    "url(#a",
    "url (#a)",
    "url(#a b)",
    "url(\\23 a)",
    "u\\72l(http://acme.example)",
    "image(red)",
    "image-set('a.png' 1x)",
    "src('a.png')",
    "element(#a)",
    "expression(alert(1))",
    "var(--x)",
    "env(x)",
    "attr(href)",
    "(1)",
    "a" * 100 + "(1)",
    "rgb" + " " * 100 + "(1)",
    "xrgb(1)",
    "@import 'a.css'",
    "red; fill: blue",
    "red} .a{fill:blue",
    "red</style><script>",
    "red /* x",
    "http://acme.example/",
    "red */",
    "'a",
    'a"',
    "a\x00",
    "a\x1b",
    "a\x85",
]


@pytest.mark.parametrize("value", PLAIN)
def test_a_plain_value_is_plain(value: str) -> None:
    assert is_plain(value)


@pytest.mark.parametrize("value", NOT_PLAIN)
def test_a_value_that_names_or_calls_something_is_not(value: str) -> None:
    assert not is_plain(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("a" * 500_000, True),
        (" " * 500_000, True),
        ("(" * 500_000, False),
        ("url(" * 100_000, False),
        ("/*" * 200_000, False),
    ],
    ids=["a", "blank", "bracket", "url", "comment"],
)
def test_long_values_are_read_in_one_pass(value: str, *, plain: bool) -> None:
    assert is_plain(value) is plain


def test_a_value_names_elements() -> None:
    assert references("url(#a) url('#b') url(c) #d") == ["a", "b"]


def test_declarations_that_may_stay_stay() -> None:
    style = "fill:red; stroke : url(#a);-inkscape-x:y;behavior:url(x.htc);filter:url(x);opacity:;fill-rule"

    assert written(declarations(style)) == "fill:red;stroke:url(#a)"


def test_of_dashes_and_markers_it_may_be_said_that_there_are_none() -> None:
    for name in ("stroke-dasharray", "marker"):
        assert allows(name, "none")
        assert not allows(name, "0.0001")
    assert not allows("marker-start", "url(#a)")


@pytest.mark.parametrize("name", ["clip-path", "filter", "mask"])
def test_what_is_dear_is_named_wherever_it_is_drawn(name: str) -> None:
    for value in ("inherit", " Inherit", "inherit !important"):
        assert not allows(name, value)
    assert allows(name, "url(#a)")
    assert allows("fill", "inherit")


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (".a{fill:red}", ".a{fill:red}"),
        (
            "\n .a , b.c#d {\n fill : red ; \n}\n.f{opacity:1}",
            ".a , b.c#d{fill:red}.f{opacity:1}",
        ),
        ("/* } */.a{fill:red/* x */}/*", ".a{fill:red}"),
        (".a{fill:url(#g)}", ".a{fill:url(#g)}"),
        (".a{fill:url(#other);opacity:1}", ".a{opacity:1}"),
        (".a{fill:url(x)}", ""),
        ("@import url(x);.a{fill:red}", ""),
        ("@import 'x'; @charset 'y';", ""),
        ("@font-face{src:url(x)}.a{fill:red}", ".a{fill:red}"),
        ("@media print{.a{fill:red}}.b{fill:red}", ".b{fill:red}"),
        (".a:hover{fill:red}*{fill:red}[x]{fill:red}", ""),
        ("{fill:red}", ""),
        (".a,{fill:red}", ""),
        (".a .b{fill:red}.a>.b{fill:red}.a,.b .c{fill:red}", ""),
        (".a\\62{fill:red}", ""),
        (".a{fi\\6c l:red}", ""),
        (".a{", ""),
        (".a{}" * (RULES + 1), ""),
        (".a{fill:red}" * (RULES + 1), ".a{fill:red}" * RULES),
    ],
)
def test_of_a_sheet_plain_rules_stay(text: str, rules: str) -> None:
    assert sheet(text, {"g"}) == rules


@pytest.mark.parametrize("piece", ["/*", "{", "}", "a", " ", ".a ", "a,", "x("])
def test_a_long_sheet_is_read_in_one_pass(piece: str) -> None:
    assert not sheet(piece * 200_000 + "!", {"g"})
