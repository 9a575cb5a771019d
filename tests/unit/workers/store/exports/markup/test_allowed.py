# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an element may hold comes out, and what else stood there is named."""

from appctld.workers.store.exports.markup.allowed import (
    PARAGRAPH,
    Allowed,
    inline,
    kept,
    language,
    line,
    matching,
    one_of,
)
from appctld.workers.store.exports.markup.document import Element, read, write
from appctld.workers.store.exports.text import LINE

WORD = Allowed(mixed=True)
RULE = Allowed(
    attributes={"kind": one_of("x", "y")},
    children={
        "name": Allowed(line, {"xml:lang": language}),
        "p": Allowed(children={"em": WORD}, mixed=True),
        "number": Allowed(matching("[0-9]+"), {"of": matching("[a-z]+")}, needs=frozenset({"of"})),
    },
)


def left(text: str) -> tuple[str | None, list[str]]:
    """What is left of a document, and what is not."""
    dropped: list[str] = []
    found = kept(read(text.encode()), RULE, dropped)
    return (None if found is None else write(found).decode().partition("?>\n")[2].strip()), dropped


def test_all_that_is_allowed_is_kept() -> None:
    text = '<a kind="x"><name xml:lang="de">N</name><p>a <em>b</em> c</p><number of="z">1</number></a>'

    assert left(text) == (text, [])


def test_unknown_attributes_and_elements_are_left_out_and_named() -> None:
    assert left('<a kind="x" merge="append"><b><name>N</name></b><name>M</name></a>') == (
        '<a kind="x"><name>M</name></a>',
        ["a merge=", "b"],
    )


def test_an_attribute_that_says_something_else_takes_its_element_with_it() -> None:
    assert left('<a kind="z"><name>N</name></a>') == (None, ["a"])
    assert left('<a><name xml:lang="de/..">N</name><name>M</name></a>') == ("<a><name>M</name></a>", ["name"])


def test_an_element_without_what_it_needs_or_with_nothing_is_left_out() -> None:
    assert left("<a><number>1</number><name> </name><name>M</name></a>") == (
        "<a><name>M</name></a>",
        ["number", "name"],
    )
    assert left("<a><b/></a>") == (None, ["b", "a"])


def test_text_stands_only_where_it_may() -> None:
    assert left("<a>x<name>N</name>y</a>") == ("<a><name>N</name></a>", [])
    assert left('<a><number of="z">one</number><name>N</name></a>') == ("<a><name>N</name></a>", ["number"])
    assert left("<a><name>\n  N\n  M\u202e </name></a>") == (
        "<a><name>N M</name></a>",
        [],
    )


def test_running_text_keeps_its_blanks_and_loses_what_has_no_shape() -> None:
    assert left("<a><p>a\n   <em>b\u202e</em>c <i>d</i> e</p></a>") == (
        "<a><p>a <em>b</em>c  e</p></a>",
        ["i"],
    )
    assert inline("x" * PARAGRAPH) == "x" * PARAGRAPH
    assert not inline("x" * (PARAGRAPH + 1))


def test_a_line_has_its_length() -> None:
    assert line("x" * LINE) == "x" * LINE
    assert line("x" * (LINE + 1)) is None
    assert line("\u200b") is None


def test_a_language_is_one() -> None:
    assert [*map(language, ("de", "pt_BR", "pt-BR", "sr@latin", "zh-Hant-TW"))] == [
        "de",
        "pt_BR",
        "pt-BR",
        "sr@latin",
        "zh-Hant-TW",
    ]
    assert [*map(language, ("", "d", "de/x", "de DE", "x" * 9, "../de"))] == [None] * 6


def test_an_empty_element_needs_no_text() -> None:
    assert kept(Element("a", {"kind": "y"}), RULE, []) == Element("a", {"kind": "y"})
