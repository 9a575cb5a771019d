# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What it costs to draw: elements, and what they name, again for each time that it is named.

Guarantees: a drawing of a few lines that becomes millions of shapes (`use` of `use`, patterns in patterns, a
pattern that a group's shapes inherit, filters on everything) is refused, as is one that names itself, and a
path whose lines cross too often.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from appctld.workers.store.exports.exporter import Refused
from appctld.workers.store.exports.icons.drawing.styles import declarations, references
from appctld.workers.store.exports.icons.drawing.vocabulary import GRADIENTS, PRIMITIVES, WITH_TEXT
from appctld.workers.store.exports.markup.document import Element

COST = 50_000  # the largest icons that people drew have 3,000 shapes and 40 blurs
CHAIN = 16  # of elements that name each other: a gradient takes another's colours, a group is used in a group
HREF = "xlink:href"
_WHOLE_PICTURES = PRIMITIVES | {"mask", "pattern", "image"}  # each is drawn aside, pixel by pixel
_DEAR = _WHOLE_PICTURES | WITH_TEXT  # or looks for a font
_TIMES = 100
_PAINTS = frozenset({"fill", "stroke"})  # what is in an element draws with them again
_OUTLINES = ("d", "points")
_POINT = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+|[Zz]")
_CURVED = re.compile("[CcSsQqTtAa]")
_CURVE = 3  # lines for each of its numbers: it is drawn as some dozens, as hundreds where it is large
_ROUND = dict.fromkeys(("circle", "ellipse"), 4 * 6 * _CURVE)  # four curves
_LETTER = 8  # lines; all of a text may lie in one place
_LINES = 20  # cost 1
_CROSSINGS = 2000  # too: each line of a path may cross each other one


class _Name(NamedTuple):
    id: str
    is_paint: bool


def check_cost(root: Element) -> None:
    """Refused for a drawing that is too dear."""
    named: dict[str, list[Element]] = {}
    for element in root.all():
        if "id" in element.attributes:
            named.setdefault(element.attributes["id"], []).append(element)
    _Costs(named).of([root], 0)


class _Costs:
    """Cost and chain of what has an ID, each counted once; all elements of one ID are counted as one."""

    def __init__(self, named: Mapping[str, list[Element]]) -> None:
        self.named = named
        self.known: dict[str, tuple[int, int]] = {}
        self.alone: dict[int, int] = {}

    def of(self, elements: list[Element], above: int) -> tuple[int, int]:
        """What elements cost, and the longest chain that they begin; `above` is how many led to them."""
        costs: dict[int, int] = {}
        longest = 0
        for element in reversed([one for top in elements for one in top.all()]):  # what is inside comes first
            once = self._alone(element) + sum(costs[id(child)] for child in element.elements())
            again = 1
            for name in _names(element):
                cost, chain = self._of_name(name.id, above)
                longest = max(longest, chain)
                if name.is_paint and not self._is_gradient(name.id):
                    again += cost
                else:
                    once += cost
            if once * again > COST:
                raise Refused("drawing it takes too much")
            costs[id(element)] = once * again
        return sum(costs[id(top)] for top in elements), longest

    def _of_name(self, name: str, above: int) -> tuple[int, int]:
        """The same of what has an ID; one that names itself is a chain without an end. Raises Refused."""
        if name not in self.known and above < CHAIN:
            cost, chain = self.of(self.named.get(name, []), above + 1)
            self.known[name] = cost, chain + 1
        cost, chain = self.known.get(name, (0, CHAIN + 1))
        if chain > CHAIN:
            raise Refused(f"more than {CHAIN} elements that name each other in a row: #{name}")
        return cost, chain

    def _alone(self, element: Element) -> int:
        """What an element costs without what is in it, and without what it names; looked at once."""
        if id(element) not in self.alone:
            self.alone[id(element)] = _cost(element)
        return self.alone[id(element)]

    def _is_gradient(self, name: str) -> bool:
        """Whether it is colours alone, which are mixed once and cost a shape nothing."""
        return all(element.name in GRADIENTS for element in self.named.get(name, []))


def _cost(element: Element) -> int:
    lines = _ROUND.get(element.name, 0) + sum(_lines(element.attributes.get(key, "")) for key in _OUTLINES)
    if element.name in WITH_TEXT:
        lines += _LETTER * len(element.text)
    return (_TIMES if element.name in _DEAR else 1) + lines // _LINES + lines * lines // _CROSSINGS


def _lines(outline: str) -> int:
    """As many as an outline has numbers, or more where there is a curve in it."""
    return sum(1 for _ in _POINT.finditer(outline)) * (_CURVE if _CURVED.search(outline) else 1)


def _names(element: Element) -> Iterator[_Name]:
    for name, value in element.attributes.items():
        if name == HREF and value.startswith("#"):
            yield _Name(value[1:], is_paint=False)
        else:
            said = declarations(value) if name == "style" else {name: value}
            yield from (_Name(one, key in _PAINTS) for key, text in said.items() for one in references(text))
