# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an element may hold, as a value, and what is left of one that holds more.

Guarantees: an element, an attribute or a text that is not allowed does not come out. An attribute that is
unknown is left out alone; a text that is not allowed, and an attribute that is known and says something else,
take their element with them: it would mean another thing (a translation would be the text for everybody).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from appctld.workers.store.exports.markup.document import Element
from appctld.workers.store.exports.text import LINE, shown

Check = Callable[[str], str | None]  # a value as it is written again, or None

PARAGRAPH = 10_000  # characters of a paragraph
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[_-][A-Za-z0-9]{2,8}){0,2}(?:@[A-Za-z0-9]{1,16})?")
_BLANKS = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Allowed:
    """`text` is its text's check: without one it has no text. `mixed`: text stands between its elements."""

    text: Check | None = None
    attributes: Mapping[str, Check] = field(default_factory=dict)
    children: Mapping[str, "Allowed"] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    mixed: bool = False


def kept(element: Element, allowed: Allowed, dropped: list[str]) -> Element | None:
    """What is left of an element, None for nothing; what is not is noted."""
    attributes = {name: check(element.attributes[name]) for name, check in _known(element, allowed)}
    gone = [f"{element.name} {name}=" for name in element.attributes if name not in attributes]
    values = {name: value for name, value in attributes.items() if value is not None}
    text = allowed.text(_flat(element.text)) if allowed.text is not None else ""
    if text is None or len(values) < len(attributes) or not allowed.needs <= values.keys():
        dropped.append(element.name)
        return None
    dropped += gone
    children = [*(_mixed if allowed.mixed else _apart)(element, allowed, dropped)]
    if not text and not children and not values:
        dropped.append(element.name)
        return None
    return Element(element.name, values, [text, *children] if text else children)


def _known(element: Element, allowed: Allowed) -> Iterator[tuple[str, Check]]:
    for name, check in allowed.attributes.items():
        if name in element.attributes:
            yield name, check


def _apart(element: Element, allowed: Allowed, dropped: list[str]) -> Iterator[Element]:
    """Elements; what is between them lays them out."""
    for child in element.elements():
        yield from _child(child, allowed, dropped)


def _mixed(element: Element, allowed: Allowed, dropped: list[str]) -> Iterator[Element | str]:
    for child in element.children:
        if isinstance(child, Element):
            yield from _child(child, allowed, dropped)
        else:
            yield inline(child)


def _child(child: Element, allowed: Allowed, dropped: list[str]) -> Iterator[Element]:
    rule = allowed.children.get(child.name)
    if rule is None:
        dropped.append(child.name)
        return
    found = kept(child, rule, dropped)
    if found is not None:
        yield found


def _flat(text: str) -> str:
    return _BLANKS.sub(" ", text).strip(" ")


def inline(text: str) -> str:
    """A piece of running text, the blanks at its ends kept as one."""
    flat = _BLANKS.sub(" ", text)
    before, behind = (" " if flat.startswith(" ") else ""), (" " if flat[1:].endswith(" ") else "")
    return f"{before}{shown(flat)}{behind}" if len(flat) <= PARAGRAPH else ""


def line(text: str) -> str | None:
    """One line for people."""
    return shown(text) or None if len(text) <= LINE else None


def language(text: str) -> str | None:
    """The language of a translation."""
    return text if _LANGUAGE.fullmatch(text) else None


def one_of(*words: str) -> Check:
    """A word of a list."""
    return lambda text: text if text in words else None


def matching(pattern: str) -> Check:
    """Text of a pattern."""
    compiled = re.compile(pattern)
    return lambda text: text if compiled.fullmatch(text) else None


def within(names: Collection[str]) -> Check:
    """A name that is known."""
    return lambda text: text if text in names else None
