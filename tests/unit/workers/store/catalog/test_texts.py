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


def test_texts_of_many_languages_go_into_one_element_and_out_again() -> None:
    component = read(CATALOGUE)
    texts.join(component)
    assert len(component.findall("description")) == len(component.findall("keywords")) == 1
    texts.split(component)
    lang = 'xml:lang="de"'
    assert shown(component, "description") == [
        "<description><p>One</p><ul><li>a</li><li>b</li></ul></description>",
        f"<description{lang}><p>Eins</p><ul><li>x</li></ul></description>",
    ]
    assert shown(component, "keywords") == [
        "<keywords><keyword>pen</keyword></keywords>",
        f"<keywords{lang}><keyword>Stift</keyword></keywords>",
    ]


def test_what_is_searched_is_by_language_and_bounded() -> None:
    component = read(CATALOGUE)
    assert texts.lines(component, "name", 6) == {"": "Editor", "pt_BR": "Editor"}
    assert texts.keywords(component) == {"": ("pen",), "de": ("Stift",)}
    assert texts.description(component) == "One a b"
    assert texts.version(component) == "2.0"
    names = [f'<name xml:lang="l{number}">x</name>' for number in range(200)]
    many = read(f"<component>{''.join(names)}</component>")
    assert len(texts.lines(many, "name", 6)) == texts.LANGUAGES


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
