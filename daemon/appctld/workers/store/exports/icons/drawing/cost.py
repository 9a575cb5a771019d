# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What it costs to draw: elements, and what they name, again for each time that it is named.

Guarantees: a drawing of a few lines that becomes millions of shapes (`use` of `use`, patterns in patterns,
filters on everything) is refused, as is one that names itself.
"""

from collections.abc import Iterator, Mapping

from appctld.workers.store.exports.exporter import Refused
from appctld.workers.store.exports.icons.drawing.styles import references
from appctld.workers.store.exports.icons.drawing.vocabulary import PRIMITIVES
from appctld.workers.store.exports.markup.document import Element

COST = 50_000  # the largest icons that people drew have 3,000 shapes and 40 blurs
CHAIN = 16  # of elements that name each other: a gradient takes another's colours, a group is used in a group
HREF = "xlink:href"
_WHOLE_PICTURES = PRIMITIVES | {"mask", "pattern", "image"}  # each is drawn aside, pixel by pixel
_WHOLE_PICTURE = 100


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

    def of(self, elements: list[Element], above: int) -> tuple[int, int]:
        """What elements cost, and the longest chain that they begin; `above` is how many led to them."""
        cost = longest = 0
        for element in (one for top in elements for one in top.all()):
            cost += _WHOLE_PICTURE if element.name in _WHOLE_PICTURES else 1
            for name in _names(element):
                of_name, chain = self._of_name(name, above)
                cost, longest = cost + of_name, max(longest, chain)
            if cost > COST:
                raise Refused("drawing it takes too much")
        return cost, longest

    def _of_name(self, name: str, above: int) -> tuple[int, int]:
        """The same of what has an ID; one that names itself is a chain without an end. Raises Refused."""
        if name not in self.known and above < CHAIN:
            cost, chain = self.of(self.named.get(name, []), above + 1)
            self.known[name] = cost, chain + 1
        cost, chain = self.known.get(name, (0, CHAIN + 1))
        if chain > CHAIN:
            raise Refused(f"more than {CHAIN} elements that name each other in a row: #{name}")
        return cost, chain


def _names(element: Element) -> Iterator[str]:
    for name, value in element.attributes.items():
        if name == HREF and value.startswith("#"):
            yield value[1:]
        else:
            yield from references(value)
