# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Plots as values, and as SVG: lines over a logarithmic or plain axis, and stacked bars. No library.

Colours are told apart by those who see few of them (Okabe and Ito's), and text follows the reader's light or
dark scheme. Pure: the same value gives the same bytes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 52, 50  # around the axes; the legend is on the right
_BAR_LEFT = 190
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#f0e442")
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.axis{stroke:#888;fill:none}.grid{stroke:#8884}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)
_TICKS = 5


def lines(
    name: str, title: str, axes: tuple[str, str], series: Mapping[str, Sequence[tuple[float, float]]]
) -> dict[str, Any]:
    """A plot of points (x, y) that lines connect; `name` is the file's, `axes` what is on x and y."""
    points = {label: [list(point) for point in found] for label, found in series.items()}
    return {"shape": "lines", "name": name, "title": title, "axes": list(axes), "series": points}


def bars(
    name: str, title: str, axis: str, parts: Sequence[str], rows: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Horizontal bars, each a stack of as many numbers as there are `parts`."""
    stacks = {label: list(numbers) for label, numbers in rows.items()}
    return {
        "shape": "bars",
        "name": name,
        "title": title,
        "axes": [axis],
        "parts": list(parts),
        "series": stacks,
    }


def svg(plot: Mapping[str, Any]) -> str:
    """The picture of a plot."""
    inner = _bars(plot) if plot["shape"] == "bars" else _lines(plot)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
    title = f"<title>{escape(plot['title'])}</title>"
    shown = _text(_LEFT, 22, plot["title"], "start")
    return "\n".join([head, title, f"<style>{_STYLE}</style>", shown, *inner, "</svg>\n"])


def _lines(plot: Mapping[str, Any]) -> Iterator[str]:
    points = [point for found in plot["series"].values() for point in found]
    xs, top = [x for x, _ in points], _ceiling(max(y for _, y in points))
    bottom, first, last = _HEIGHT - _BOTTOM, float(min(xs)), float(max(xs))

    def across(x: float) -> float:
        return _LEFT + (x - first) / (last - first or 1.0) * (_WIDTH - _LEFT - _RIGHT)

    def up(y: float) -> float:
        return bottom - y / top * (bottom - _TOP)

    for y in _steps(top):
        yield f'<path class="grid" d="M{_LEFT} {up(y):.1f}H{_WIDTH - _RIGHT}"/>'
        yield _text(_LEFT - 6, up(y) + 4, f"{y:g}", "end")
    for x in sorted(set(xs)):
        yield _text(across(x), bottom + 16, f"{x:g}", "middle")
    yield f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{_WIDTH - _RIGHT}"/>'
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, bottom + 36, plot["axes"][0], "middle")
    yield _text(_LEFT, _TOP - 4, plot["axes"][1], "start")
    for number, (label, found) in enumerate(plot["series"].items()):
        path = "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in found)
        yield f'<path d="M{path}" fill="none" stroke="{_colour(number)}" stroke-width="2"/>'
        yield from (
            f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{_colour(number)}"/>'
            for x, y in found
        )
        yield from _legend(number, label)


def _bars(plot: Mapping[str, Any]) -> Iterator[str]:
    rows, bottom = plot["series"], _HEIGHT - _BOTTOM
    most = _ceiling(max(map(sum, rows.values())))
    high = (bottom - _TOP) / len(rows)

    def across(x: float) -> float:
        return _BAR_LEFT + x / most * (_WIDTH - _BAR_LEFT - _RIGHT)

    for x in _steps(most):
        yield f'<path class="grid" d="M{across(x):.1f} {_TOP}V{bottom}"/>'
        yield _text(across(x), bottom + 16, f"{x:g}", "middle")
    yield _text((_BAR_LEFT + _WIDTH - _RIGHT) / 2, bottom + 36, plot["axes"][0], "middle")
    for index, (label, numbers) in enumerate(rows.items()):
        y = _TOP + index * high
        yield _text(_BAR_LEFT - 8, y + high / 2 + 4, label, "end")
        for number, (begin, end) in enumerate(pairwise(accumulate(numbers, initial=0.0))):
            yield _box(across(begin), y + high * 0.15, across(end) - across(begin), high * 0.7, number)
    for number, part in enumerate(plot["parts"]):
        yield from _legend(number, part)


def _legend(number: int, label: str) -> Iterator[str]:
    x, y = _WIDTH - _RIGHT + 14, _TOP + 8 + number * 20
    yield _box(x, y - 9, 10, 10, number)
    yield _text(x + 16, y, label, "start")


def _box(x: float, y: float, width: float, height: float, number: int) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{_colour(number)}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _ceiling(value: float) -> float:
    """The next number with few digits."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.5, 2, 3, 5, 8, 10) if step * unit >= value * 0.999)


def _steps(top: float) -> Iterator[float]:
    for number in range(_TICKS + 1):
        yield top * number / _TICKS
