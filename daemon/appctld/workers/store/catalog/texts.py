# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A component's texts in all its languages, as a catalogue has them and as metainfo does.

A catalogue has a whole description, or list of keywords, for each language; metainfo has one, in which each
paragraph and item has its language. Pure. Guarantees: what is read to be searched is bounded, line by line.
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NAME_LENGTH = 200  # characters: one line of any terminal or software centre
SUMMARY_LENGTH = 300  # likewise; AppStream asks for less than 90
KEYWORDS = 40  # of one language
KEYWORD_LENGTH = 60
LANGUAGES = 100  # the most translated apps have about as many
DESCRIPTION_LENGTH = 2000  # characters that are searched, of the untranslated one
VERSION_LENGTH = 80
WHOLE = ("description", "keywords")
LISTS = ("ul", "ol")


def split(component: Element) -> None:
    """Give each language an element of its own, as catalogues have them; what has one keeps it.

    Each element is looked at once, however many languages there are.
    """
    children: list[Element] = []
    for child in component:
        children += _by_language(child) if child.tag in WHOLE else [child]
    component[:] = children


def _by_language(element: Element) -> Iterable[Element]:
    found: dict[str, Element] = {}
    for child in element:
        lists: dict[str, Element] = {}
        for item in child if child.tag in LISTS else [child]:
            language = item.attrib.pop(LANG, child.attrib.get(LANG, ""))
            own = {LANG: language} if language else {}
            whole = found.setdefault(language, Element(element.tag, element.attrib | own))
            if child.tag in LISTS and language not in lists:
                lists[language] = SubElement(whole, child.tag)
            lists.get(language, whole).append(item)
    return found.values()


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
