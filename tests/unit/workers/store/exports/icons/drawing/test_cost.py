# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A drawing of a few lines that becomes millions of shapes is refused before anybody draws it."""

import pytest

from appctld.workers.store.exports.exporter import Refused
from appctld.workers.store.exports.icons.drawing.cost import CHAIN, COST, check_cost
from appctld.workers.store.exports.markup.document import read


def drawing(inside: str) -> bytes:
    return f'<svg xmlns:xlink="x">{inside}</svg>'.encode()


def uses(levels: int, width: int) -> str:
    """Groups that use the one before them so often."""
    groups = [
        f'<g id="g{level + 1}">{f"""<use xlink:href="#g{level}"/>""" * width}</g>' for level in range(levels)
    ]
    return f'<rect id="g0"/>{"".join(groups)}'


def chain(length: int) -> str:
    links = [f'<linearGradient id="l{number + 1}" xlink:href="#l{number}"/>' for number in range(length)]
    return f'<linearGradient id="l0"/>{"".join(links)}'


def backwards(length: int) -> str:
    """The same chain, its last link first."""
    return ">".join([*reversed(chain(length).split(">")[:-1]), ""])


BOMBS = {
    "uses of uses": uses(10, 10),
    "patterns in patterns": "".join(
        f'<pattern id="p{n + 1}">{f"""<rect fill="url(#p{n})"/>""" * 10}</pattern>' for n in range(9)
    ),
    "masks by style": "".join(
        f'<mask id="p{n + 1}">{f"""<rect style="mask:url(#p{n})"/>""" * 10}</mask>' for n in range(9)
    ),
    "a filter on everything": '<filter id="f"><feGaussianBlur/></filter>' + '<rect filter="url(#f)"/>' * 600,
    "pictures": "<image/>" * (COST // 100),
    "texts": '<text font-family="A"/>' * (COST // 100),
    "pieces of texts": f"<text>{'<tspan/>' * (COST // 100)}</text>",
    "a pattern that a group's shapes inherit": '<pattern id="p">' + "<rect/>" * 1000 + "</pattern>"
    '<g fill="url(#p)">' + "<rect/>" * 1000 + "</g>",
    "a pattern that what is used inherits": '<pattern id="p">' + "<rect/>" * 1000 + "</pattern>"
    '<g id="g">' + "<rect/>" * 1000 + '</g><use style="stroke:url(#p)" xlink:href="#g"/>',
    "a path whose lines cross": f'<path d="{"L0 9 9 0" * 3000}"/>',
    "a curve that crosses itself": f'<path d="M0 0c{"9 9 -9 9 0 3 " * 600}"/>',
    "circles that are used again": '<circle id="a"/>' + '<use xlink:href="#a"/>' * 9000,
    "a polygon whose lines cross": f'<polygon points="{".5.5 " * 6000}"/>',
    "a path that is closed again and again": f'<path d="M0 0{"z" * 12_000}"/>',
    "a long path that is used again": f'<path id="a" d="{"L0 9 9 0" * 300}"/>'
    + '<use xlink:href="#a"/>' * 90,
    "a long text": f"<text>{'8' * 2000}</text>",
    "a text of pieces": f"<text><tspan>{'8' * 2000}</tspan></text>",
    "one that uses itself": '<g id="a"><use xlink:href="#a"/></g>',
    "two that use each other": '<g id="a"><use xlink:href="#b"/></g><g id="b"><use xlink:href="#a"/></g>',
    "a pattern of itself": '<pattern id="a"><rect fill="url(#a)"/></pattern>',
    "the whole in itself": '<use xlink:href="#s"/>',
    "one name for two": '<rect id="a"/><g id="a"><use xlink:href="#b"/></g>'
    '<g id="b"><use xlink:href="#a"/></g>',
    "a chain": chain(CHAIN + 1),
    "a chain backwards": backwards(CHAIN + 1),
    "an endless chain": chain(9000),
    "an endless chain backwards": backwards(9000),
}


@pytest.mark.parametrize("inside", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused(inside: str) -> None:
    root = read(drawing(inside))
    root.attributes["id"] = "s"

    with pytest.raises(Refused):
        check_cost(root)


@pytest.mark.parametrize(
    "inside",
    [
        "",
        uses(4, 10),
        chain(CHAIN),
        backwards(CHAIN),
        '<use xlink:href="#nothing"/><rect fill="url(#nothing)"/>',
        '<filter id="f"><feGaussianBlur/></filter>' + '<rect filter="url(#f)"/>' * 400,
        "<rect/>" * 5000,
        '<linearGradient id="l">'
        + "<stop/>" * 9
        + '</linearGradient><g fill="url(#l)">'
        + "<rect/>" * 8000
        + "</g>",
        '<pattern id="p">' + "<rect/>" * 100 + '</pattern><g fill="url(#p)">' + "<rect/>" * 100 + "</g>",
        '<pattern id="p">'
        + "<rect/>" * 1000
        + '</pattern><g fill="none" id="g">'
        + "<rect/>" * 1000
        + "</g>",
        f'<path d="{"L0 9 9 0" * 2000}"/>',
        f'<path d="{"L0 9 9 0" * 20}"/>' * 2000,
        f'<path d="M0 0c{"9 9 -9 9 0 3 " * 500}"/>',
        "<circle/>" * 3000,
        f"<title>{'8' * 9000}</title><text>{'8' * 100}</text>",
    ],
)
def test_a_drawing_is_not(inside: str) -> None:
    check_cost(read(drawing(inside)))


def test_names_of_nested_groups_are_counted_in_bounded_time() -> None:
    deep = "".join(f'<g id="d{level}">' for level in range(60))
    text = deep + "<rect/>" * 1500 + "</g>" * 60 + "".join(f'<use xlink:href="#d{n}"/>' for n in range(60))

    with pytest.raises(Refused):
        check_cost(read(drawing(text)))
