# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""XML is elements, attributes and text; what else XML can do is refused before it does anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.workers.store.exports.exporter import Refused
from appctld.workers.store.exports.markup.document import ATTRIBUTES, DEPTH, ELEMENTS, Element, read, write

LAUGHS = "<!DOCTYPE a [<!ENTITY l0 'ha'>" + "".join(
    f"<!ENTITY l{number + 1} '{f'&l{number};' * 10}'>" for number in range(9)
)


def wide(count: int) -> str:
    """An element with so many attributes."""
    return "<a " + " ".join(f"a{number}=''" for number in range(count)) + "/>"


HOSTILE = {
    "billion laughs": f"{LAUGHS}]><a>&l9;</a>",
    "quadratic blow-up": f"<!DOCTYPE a [<!ENTITY x '{'x' * 50_000}'>]><a>{'&x;' * 5000}</a>",
    "external entity": "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
    "external entity, public": "<!DOCTYPE a [<!ENTITY x PUBLIC 'x' 'http://127.0.0.1/'>]><a>&x;</a>",
    "parameter entity": "<!DOCTYPE a [<!ENTITY % x SYSTEM 'file:///etc/passwd'> %x;]><a/>",
    "external subset": "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
    "plain DOCTYPE": "<!DOCTYPE a><a/>",
    "attribute defaults": "<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>",
    "entity without DOCTYPE": "<a>&x;</a>",
    "style sheet": "<?xml-stylesheet href='file:///etc/passwd'?><a/>",
    "other instruction": "<a><?php x?></a>",
    "UTF-7": "<?xml version='1.0' encoding='UTF-7'?><a>+ADw-b/+AD4-</a>",
    "said to be UTF-16": "<?xml version='1.0' encoding='UTF-16'?><a/>",
    "said to be Latin 1": "<?xml version='1.0' encoding='iso-8859-1'?><a/>",
    "depth": "<a>" * (DEPTH + 1) + "</a>" * (DEPTH + 1),
    "endless depth": "<a>" * 300_000,
    "elements": f"<a>{'<b/>' * ELEMENTS}</a>",
    "attributes": wide(ATTRIBUTES + 1),
    "attribute twice": "<a b='1' b='2'/>",
    "two roots": "<a/><a/>",
    "no root": "",
    "no end": "<a>",
    "crossed": "<a><b></a></b>",
    "no XML": "{}",
    "NUL": "<a>\0</a>",
    "control character": "<a>\x1b</a>",
    "reference to one": "<a>&#27;</a>",
    "reference to NUL": "<a b='&#0;'/>",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_more_than_elements_and_text_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read(text.encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037", "latin-1"])
def test_only_utf_8_is_read(encoding: str) -> None:
    with pytest.raises(Refused):
        read("<?xml version='1.0'?><a>é</a>".encode(encoding))


@pytest.mark.parametrize(
    "declared", ["", "<?xml version='1.0'?>", "<?xml version='1.0' encoding='utf-8'?>", "\ufeff"]
)
def test_utf_8_is_read_however_it_is_declared(declared: str) -> None:
    assert read(f"{declared}<a>é</a>".encode()).text == "é"


def test_as_much_as_is_allowed_is_read() -> None:
    nested = read(("<a>" * DEPTH + "</a>" * DEPTH).encode())
    many = read(f"<a>{'<b/>' * (ELEMENTS - 1)}</a>".encode())
    attributes = read(wide(ATTRIBUTES).encode()).attributes

    assert len([*nested.all()]) == DEPTH
    assert len([*many.all()]) == ELEMENTS
    assert len(attributes) == ATTRIBUTES


def test_comments_go_and_sections_become_text() -> None:
    root = read(b"<a>x<!-- <b/> --><![CDATA[<c/>&amp;]]>y<d/>z</a>")

    assert root.children == ["x", "<c/>&amp;", "y", Element("d"), "z"] or root.text == "x<c/>&amp;yz"
    assert [child.name for child in root.elements()] == ["d"]
    assert root.text == "x<c/>&amp;yz"


words = st.text(st.sampled_from("ab<>&'\"é]\r\n\t "), min_size=1, max_size=9)
trees = st.recursive(
    st.builds(Element, st.sampled_from("ab"), st.dictionaries(st.sampled_from(["x", "xml:lang"]), words)),
    lambda below: st.builds(
        Element, st.sampled_from("ab"), st.just({}), st.tuples(words, below, words).map(list)
    ),
    max_leaves=5,
)


@given(trees)
def test_what_is_written_reads_the_same(root: Element) -> None:
    again = read(write(root))

    assert write(again) == write(root)
    assert [(one.name, one.attributes, one.text) for one in again.all()] == [
        (one.name, one.attributes, one.text) for one in root.all()
    ]
