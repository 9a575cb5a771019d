# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""catalog/texts.py: a catalogue's texts in metainfo's form and back, and what of them is searched."""

from xml.etree import ElementTree as ET

from appctld.workers.store.catalog import texts

CATALOGUE = """<component>
<name>Editor</name><name xml:lang="pt-BR">Editor de texto</name><name>twice</name>
<description><p>One</p><ul><li>a</li><li>b</li></ul></description>
<description xml:lang="de"><p>Eins</p><ul><li>x</li></ul></description>
<keywords><keyword>pen</keyword></keywords><keywords xml:lang="de"><keyword>Stift</keyword></keywords>
<releases><release version="2.0"/><release version="1.0"/></releases>
</component>"""


def read(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - ours


def shown(component: ET.Element, tag: str) -> list[str]:
    return ["".join(ET.tostring(one, encoding="unicode").split()) for one in component.findall(tag)]


METAINFO = """<component>
<description><p>One</p><p xml:lang="de">Eins</p>
<ul><li>a</li><li xml:lang="de">x</li><li>b</li></ul></description>
<keywords><keyword>pen</keyword><keyword xml:lang="de">Stift</keyword></keywords>
</component>"""


def test_each_language_gets_an_element_of_its_own() -> None:
    lang = 'xml:lang="de"'
    apart = {
        "description": [
            "<description><p>One</p><ul><li>a</li><li>b</li></ul></description>",
            f"<description{lang}><p>Eins</p><ul><li>x</li></ul></description>",
        ],
        "keywords": [
            "<keywords><keyword>pen</keyword></keywords>",
            f"<keywords{lang}><keyword>Stift</keyword></keywords>",
        ],
    }
    for form in (METAINFO, CATALOGUE):
        component = read(form)
        texts.split(component)
        assert {tag: shown(component, tag) for tag in apart} == apart


def test_what_is_searched_is_by_language_and_bounded() -> None:
    component = read(CATALOGUE)
    assert texts.lines(component, "name", 6) == {"": "Editor", "pt_BR": "Editor"}
    assert texts.keywords(component) == {"": ("pen",), "de": ("Stift",)}
    assert texts.description(component) == "One a b"
    assert texts.version(component) == "2.0"
    names = [f'<name xml:lang="l{number}">x</name>' for number in range(200)]
    many = read(f"<component>{''.join(names)}</component>")
    assert len(texts.lines(many, "name", 6)) == texts.LANGUAGES


def test_ten_thousand_languages_are_ten_thousand_elements() -> None:
    words = "".join(f'<p xml:lang="x{number}">a</p>' for number in range(10_000))
    component = read(f"<component><description>{words}</description></component>")
    texts.split(component)
    assert [len(one) for one in component] == [1] * 10_000


def test_what_is_searched_is_cut() -> None:
    words = (
        f"<keywords><keyword>{'k' * 100}</keyword></keywords><description><p>{'d' * 3000}</p></description>"
    )
    component = read(f"<component>{words}</component>")
    assert texts.keywords(component) == {"": ("k" * texts.KEYWORD_LENGTH,)}
    assert texts.description(component) == "d" * texts.DESCRIPTION_LENGTH


def test_what_is_not_said_is_empty() -> None:
    component = read('<component><description xml:lang="de"><p>Eins</p></description></component>')
    assert (texts.description(component), texts.version(component), texts.keywords(component)) == ("", "", {})
