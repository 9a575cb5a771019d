# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/components.py: what is cut out, and what is refused before anything is built of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appctld.errors import BadManifest, LimitExceeded
from appctld.workers.store.catalog import components
from appctld.workers.store.catalog.components import ATTRIBUTES, DEPTH, cut

DECLARED = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def whole(*parts: bytes) -> bytes:
    return DECLARED + b'<components version="1.0">' + b"".join(parts) + b"</components>"


def test_each_component_is_cut_out_as_it_is_written() -> None:
    parts = [
        "<component a='>'>ä<x/></component >".encode(),
        b"<component/>",
        b"<component><component>inner</component></component>",
        b"<component/>",
    ]
    assert cut(whole(b" \n", parts[0], b"\n", *parts[1:])) == parts
    assert cut(b"<components/>") == []


PLAIN = st.characters(codec="utf-8", exclude_characters="<>&\r", exclude_categories=["Cc", "Cs"])


@settings(max_examples=25)  # of which each has several components
@given(st.lists(st.text(PLAIN, max_size=8), max_size=5))
def test_what_is_between_the_tags_is_whole(texts: list[str]) -> None:
    texts = [text.replace("\ufffe", "").replace("\uffff", "") for text in texts]
    parts = [f"<component><id>{text}</id></component>".encode() for text in texts]
    assert cut(whole(*parts)) == parts


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no XML"),
        (b"components", "no XML"),
        (b"<components><component></components>", "no XML"),
        (b"<component/>", "<component>, not <components>"),
        (whole(b"<script/>"), "<script> where its components are"),
        (b"<!DOCTYPE components><components/>", "a document type"),
        (
            b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><components>&b;</components>',
            "a document type",
        ),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><components/>', "a document type"),
        (whole(b"<component>&unknown;</component>"), "no XML"),
        (whole(b'<?xml-stylesheet href="x"?>'), "a processing instruction"),
        (b'<?xml version="1.0" encoding="utf-7"?><components/>', "another encoding"),
        ('<?xml version="1.0" encoding="utf-16"?><components/>'.encode("utf-16"), "another encoding"),
        ("<components/>".encode("utf-16"), "another encoding"),
        ("<components/>".encode("utf-16-le"), "another encoding"),
        (b"<components>\xff</components>", "another encoding"),
    ],
)
def test_xml_of_another_kind_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(BadManifest, match=why):
        cut(data)


def test_more_elements_than_anybody_lists_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "ELEMENTS", 5)
    assert len(cut(whole(b"<component><a/></component>" * 2))) == 2
    with pytest.raises(LimitExceeded, match="5 elements"):
        cut(whole(b"<component><a/></component>" * 2, b"<component/>"))


def test_what_is_too_deep_or_too_wide_is_refused() -> None:
    deep = b"<a>" * (DEPTH - 2) + b"</a>" * (DEPTH - 2)
    assert cut(whole(b"<component>" + deep + b"</component>"))
    with pytest.raises(LimitExceeded, match="deep"):
        cut(whole(b"<component><a>" + deep + b"</a></component>"))
    wide = [
        b"<component " + b" ".join(b"a%d='1'" % n for n in range(many)) + b"/>"
        for many in (ATTRIBUTES, ATTRIBUTES + 1)
    ]
    assert cut(whole(wide[0]))
    with pytest.raises(LimitExceeded, match="attributes"):
        cut(whole(wide[1]))


def test_a_hundred_thousand_components_are_not_looked_at() -> None:
    with pytest.raises(LimitExceeded, match="10000 components"):
        cut(whole(b"<component/>" * 100_000))
    assert len(cut(whole(b"<component/>" * components.COMPONENTS))) == components.COMPONENTS


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    part = b"<component>" + b"x" * (components.COMPONENT_BYTES - 23) + b"</component>"
    assert cut(whole(part)) == [part]
    with pytest.raises(LimitExceeded, match="a component of"):
        cut(whole(part.replace(b"x", b"xx", 1)))
    monkeypatch.setattr(components, "XML_BYTES", 20)
    with pytest.raises(LimitExceeded, match="bytes of XML"):
        cut(b"<components>       </components>")
