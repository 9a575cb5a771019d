# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A component's texts in all its languages, as a catalogue has them and as metainfo does.

A catalogue has a whole description, or list of keywords, for each language; metainfo has one, in which each
paragraph and item has its language. Pure. Guarantees: what is read to be searched is bounded, line by line.
"""

import copy
from collections.abc import Iterator
from xml.etree.ElementTree import Element

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NAME_LENGTH = 200  # characters: one line of any terminal or software centre
SUMMARY_LENGTH = 300  # likewise; AppStream asks for less than 90
KEYWORDS = 40  # of one language
KEYWORD_LENGTH = 60
LANGUAGES = 100  # the most translated apps have about as many
DESCRIPTION_LENGTH = 2000  # characters that are searched, of the untranslated one
VERSION_LENGTH = 80
WHOLE = ("description", "keywords")


def join(component: Element) -> None:
    """Bring a catalogue's texts into metainfo's form: one element of each, its children with languages."""
    for tag in WHOLE:
        found = component.findall(tag)
        for element in found:
            language = element.attrib.pop(LANG, "")
            for child in element.iter():
                if language and child is not element and child.tag in {"p", "li", "keyword"}:
                    child.attrib.setdefault(LANG, language)
        for element in found[1:]:
            found[0].extend(element)
            component.remove(element)


def split(component: Element) -> None:
    """The other way round."""
    for tag in WHOLE:
        for element in component.findall(tag):
            at = list(component).index(element)
            component.remove(element)
            for language in dict.fromkeys(_languages(element)):
                component.insert(at, _only(language, element))
                at += 1


def _languages(element: Element) -> Iterator[str]:
    for child in element.iter():
        if child.tag in {"p", "li", "keyword"}:
            yield child.get(LANG, "")


def _only(language: str, element: Element) -> Element:
    """A copy with what is of one language."""
    found = copy.deepcopy(element)
    if language:
        found.set(LANG, language)
    for parent in [found, *found.findall("ul"), *found.findall("ol")]:
        for child in list(parent):
            if child.tag in {"p", "li", "keyword"} and child.attrib.pop(LANG, "") != language:
                parent.remove(child)
    for child in list(found):
        if child.tag in {"ul", "ol"} and not len(child):
            found.remove(child)
    return found


def lines(component: Element, tag: str, length: int) -> dict[str, str]:
    """The first text of each language."""
    found: dict[str, str] = {}
    for element in component.findall(tag):
        if len(found) < LANGUAGES:
            found.setdefault(posix(element.get(LANG, "")), line(element, length))
    return found


def keywords(component: Element) -> dict[str, tuple[str, ...]]:
    """By language."""
    found: dict[str, tuple[str, ...]] = {}
    for element in component.findall("keywords"):
        words = [line(word, KEYWORD_LENGTH) for word in element.findall("keyword")][:KEYWORDS]
        if len(found) < LANGUAGES:
            found.setdefault(posix(element.get(LANG, "")), tuple(words))
    return found


def description(component: Element) -> str:
    """The untranslated one, in one line."""
    found = next((one for one in component.findall("description") if LANG not in one.attrib), None)
    return "" if found is None else line(found, DESCRIPTION_LENGTH)


def version(component: Element) -> str:
    """Of the newest release, which stands first; foreign text."""
    release = component.find("releases/release")
    return "" if release is None else release.get("version", "")[:VERSION_LENGTH]


def line(element: Element, length: int) -> str:
    """All text in it, with single blanks, cut."""
    return " ".join(" ".join(element.itertext()).split())[:length]


def posix(language: str) -> str:
    """A language as locales write it: `pt-BR` is pt_BR."""
    return language.replace("-", "_")
