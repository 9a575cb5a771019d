# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A drawing as a desktop may draw it: its shapes, colours and text, in the words of vocabulary.py.

Guarantees: it names nothing but its own elements, runs nothing, and has bounds: of elements, of what drawing
them costs, of its own size. Pictures in it are PNGs that stand in it, written anew as icons are. What drawing
programs keep for themselves is left out without a word.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from appctld.workers.store.exports.exporter import Emitted, Exporter, Refused
from appctld.workers.store.exports.icons.drawing.cost import HREF, check_cost
from appctld.workers.store.exports.icons.drawing.size import check_size, is_relative
from appctld.workers.store.exports.icons.drawing.styles import (
    IDENTIFIER,
    allows,
    declarations,
    is_plain,
    lost,
    sheet,
    without_comments,
    written,
)
from appctld.workers.store.exports.icons.drawing.vocabulary import (
    ATTRIBUTES,
    ELEMENTS,
    FOR_PEOPLE,
    GRADIENTS,
    PROPERTIES,
    WITH_TEXT,
)
from appctld.workers.store.exports.icons.png import picture
from appctld.workers.store.exports.markup.allowed import inline
from appctld.workers.store.exports.markup.document import Element, read, write
from appctld.workers.store.exports.names import Place

NAMESPACES = {"xmlns": "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink"}
_ID = re.compile(IDENTIFIER)
_CLASSES = re.compile(r"[A-Za-z0-9_ -]{1,255}")
_PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_HREFS = frozenset({"href", HREF})


def emit_svg(_place: Place, data: bytes, _app: Exporter) -> Emitted:
    """A drawing. Raises Refused."""
    root = read(data)
    if root.name != "svg":
        raise Refused("this is no SVG, or its elements have a prefix")
    cleaner = _Cleaner(_gradients(root))
    found = Element("svg", cleaner.attributes(_absolute(root)), [*cleaner.inside(root)])
    check_size(
        found.attributes.get("width"), found.attributes.get("height"), found.attributes.get("viewBox", "")
    )
    check_cost(found)
    found.attributes |= NAMESPACES
    return Emitted(write(found), tuple(cleaner.dropped))


def _absolute(root: Element) -> Element:
    """The root without sides that depend on others; most say 100%, as one without them does."""
    kept = {
        name: value
        for name, value in root.attributes.items()
        if name not in {"width", "height"} or not is_relative(value)
    }
    return Element(root.name, kept)


def _gradients(root: Element) -> frozenset[str]:
    """The IDs that nothing but gradients have."""
    gradients, others = set[str](), set[str]()
    for element in root.all():
        (gradients if element.name in GRADIENTS else others).add(element.attributes.get("id", ""))
    return frozenset(gradients - others)


class _Cleaner:
    """Writes elements anew, and notes what of them it leaves out."""

    def __init__(self, gradients: frozenset[str]) -> None:
        self.gradients = gradients
        self.dropped: list[str] = []

    def inside(self, element: Element) -> Iterator[Element | str]:
        """What may stay of what stands in an element."""
        for child in element.children:
            if isinstance(child, str):
                if element.name in WITH_TEXT | FOR_PEOPLE:
                    yield inline(child)
            elif child.name in ELEMENTS:
                yield from self._element(child)
            else:
                self._note(child.name)

    def _element(self, element: Element) -> Iterator[Element]:
        attributes = self.attributes(element)
        if element.name == "image" and HREF not in attributes:
            self._note("image")
        elif element.name == "style":
            yield from self._sheet(element)
        else:
            yield Element(element.name, attributes, [*self.inside(element)])

    def _sheet(self, element: Element) -> Iterator[Element]:
        kept = sheet(element.text, self.gradients)
        if kept.count(":") < without_comments(element.text).count(":"):
            self._note("style")
        if kept:
            yield Element("style", {}, [kept])

    def attributes(self, element: Element) -> dict[str, str]:
        """The attributes that may stay."""
        found: dict[str, str] = {}
        for name, value in element.attributes.items():
            kept = self._value(element, name, value)
            if kept is None and name != "style":  # of which each property is noted
                self._note(name)
            elif kept is not None:
                found[HREF if name in _HREFS else name] = kept
        return found

    def _value(self, element: Element, name: str, value: str) -> str | None:
        if name in _HREFS:
            return _embedded(value) if element.name == "image" else _own(value)
        if name == "style":
            return self._style(value)
        if name == "id":
            return value if _ID.fullmatch(value) else None
        if name == "class":
            return value if _CLASSES.fullmatch(value) else None
        if name in PROPERTIES:
            return value if allows(name, value) else None
        return value if name in ATTRIBUTES and is_plain(value) else None

    def _style(self, value: str) -> str | None:
        found = declarations(value)
        self.dropped += lost(value, found)
        return written(found) or None

    def _note(self, name: str) -> None:
        """Names with a prefix are what drawing programs keep for themselves."""
        if ":" not in name and name not in {"metadata", "xmlns"}:
            self.dropped.append(name)


def _own(value: str) -> str | None:
    return value if value.startswith("#") and _ID.fullmatch(value, 1) else None


def _embedded(value: str) -> str | None:
    """A picture that stands in the drawing, written anew; None for one that does not, or is none."""
    found = _PNG.fullmatch(value)
    if found is None:
        return None
    try:
        data = picture(base64.b64decode("".join(found[1].split()))).data
    except (binascii.Error, Refused):
        return None
    return "data:image/png;base64," + base64.b64encode(data).decode()
