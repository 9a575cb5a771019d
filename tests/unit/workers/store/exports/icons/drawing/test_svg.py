# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A drawing loses what runs, loads and links, and looks as it did."""

import base64
import subprocess
from pathlib import Path

import pytest

from appctld.workers.store.exports.emit import Exporter, Refused, emit, re_emit
from appctld.workers.store.exports.icons.drawing.size import SIDE
from appctld.workers.store.exports.icons.drawing.svg import NAMESPACES
from support.workers.specimen import png

ID = "org.acme.Editor"
APP = Exporter(ID, ("/usr/bin/appctl", "run"))
PATH = f"icons/hicolor/scalable/apps/{ID}.svg"
XMLNS = " ".join(f'{name}="{value}"' for name, value in NAMESPACES.items())
PICTURE = "data:image/png;base64," + base64.b64encode(png(2, 2)).decode()
WHOLE = f"""<title>Editor</title><defs><linearGradient id="g" x1="0" x2="1">\
<stop offset="0" stop-color="red"/>\
<stop offset="1" style="stop-color:#00f;stop-opacity:0.5"/></linearGradient>\
<radialGradient id="h" xlink:href="#g"/><clipPath id="c"><circle cx="8" cy="8" r="7"/></clipPath>\
<filter id="f" x="-10%" width="120%"><feGaussianBlur in="SourceAlpha" stdDeviation="0.5" result="b"/>\
<feMerge><feMergeNode in="b"/><feMergeNode in="SourceGraphic"/></feMerge></filter>\
<pattern id="p" width="2" height="2" patternUnits="userSpaceOnUse">\
<rect width="1" height="1"/></pattern>\
<mask id="m"><rect width="16" height="16" fill="white"/></mask>\
<style>.k{{fill:url(#g)}}</style></defs>\
<g id="one" transform="translate(1 1)" clip-path="url(#c)"><path class="k" d="M0 0L9 9H0z"/></g>\
<rect width="4" height="4" fill="url(#p)" mask="url(#m)" filter="url(#f)"/>\
<use xlink:href="#one" x="2"/><image width="2" height="2" xlink:href="{PICTURE}"/>\
<text x="1" y="9" font-family="'DejaVu Sans', sans-serif">a <tspan fill="red">b</tspan></text>"""


def drawing(inside: str, attributes: str = 'width="16" height="16"') -> bytes:
    """A drawing with this in it."""
    return f'<?xml version="1.0"?>\n<svg {XMLNS} {attributes}>{inside}</svg>'.encode()


def written(inside: str) -> str:
    """What comes of it, without what every drawing has."""
    return emit(PATH, drawing(inside), APP).decode().partition(f"{XMLNS}>")[2].removesuffix("</svg>\n")


def rendered(data: bytes) -> bytes:
    """Its pixels, as librsvg sees them."""
    command = ["rsvg-convert", "--width=64", "--height=64"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def test_a_drawing_comes_out_as_it_was_and_looks_the_same() -> None:
    emitted = re_emit(PATH, drawing(WHOLE), APP)

    assert written(WHOLE) == WHOLE
    assert emitted.dropped == ()
    assert rendered(emitted.data) == rendered(drawing(WHOLE)) != rendered(drawing(""))


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<script href="http://acme.example/a.js"/>',
        '<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>',
        '<animate attributeName="x" dur="1s" repeatCount="indefinite"/>',
        "<set/>",
        "<a><rect/></a>",
        "<marker/>",
        "<font/>",
        "<cursor/>",
        "<svg/>",
        "<unknown/>",
        "<filter><feImage/></filter>",
        "<filter><feTurbulence/></filter>",
        "<filter><feConvolveMatrix/></filter>",
        "<filter><feMorphology/></filter>",
        "<filter><feDiffuseLighting/></filter>",
        '<image href="file:///etc/passwd"/>',
        '<image xlink:href="http://acme.example/a.png"/>',
        '<image xlink:href="#a"/>',
        '<image xlink:href="data:image/svg+xml;base64,PHN2Zy8+"/>',
        '<image xlink:href="data:image/png;base64,AAAA"/>',
        '<image xlink:href="data:image/png;base64,A"/>',
        "<image/>",
    ],
)
def test_elements_that_run_load_or_link_are_left_out_and_named(inside: str) -> None:
    assert written(inside).replace("<filter/>", "") == ""
    assert re_emit(PATH, drawing(inside), APP).dropped


@pytest.mark.parametrize(
    "attribute",
    [
        'onload="alert(1)"',
        'onclick="alert(1)"',
        'href="other.svg#a"',
        'href="http://acme.example/"',
        'href="javascript:alert(1)"',
        'href="#a b"',
        'href="#"',
        'fill="url(http://acme.example/#a)"',
        'filter="url(file:///dev/zero)"',
        'fill="u\\72l(x)"',
        'stroke-dasharray="0.0001"',
        'marker-end="url(#a)"',
        'id="a b"',
        'id=""',
        'class="a{}"',
        'src="x"',
        'base="http://acme.example/"',
        'd="M0 0;"',
        'width="expression(1)"',
    ],
)
def test_attributes_that_run_load_or_link_are_left_out_and_named(attribute: str) -> None:
    assert written(f"<rect {attribute}/>") == "<rect/>"
    assert re_emit(PATH, drawing(f"<rect {attribute}/>"), APP).dropped == (attribute.partition("=")[0],)


def test_what_drawing_programs_keep_for_themselves_goes_without_a_word() -> None:
    inside = (
        '<sodipodi:namedview xmlns:sodipodi="x"/><metadata><rdf:RDF xmlns:rdf="y"/></metadata>'
        '<rect style="-inkscape-font-specification:Sans;solid-color:red" xmlns:i="z"'
        ' i:label="a" xlink:show="new" xml:base="http://acme.example/"/>'
    )

    assert written(inside) == "<rect/>"
    assert re_emit(PATH, drawing(inside), APP).dropped == ()


def test_a_style_says_which_of_its_properties_are_left_out() -> None:
    inside = '<rect style="fill:url(x);stroke:red;stroke-dasharray:1"/>'

    assert written(inside) == '<rect style="stroke:red"/>'
    assert re_emit(PATH, drawing(inside), APP).dropped == ("fill", "stroke-dasharray")


@pytest.mark.parametrize("style", ["behavior:url(x)", "fill:url(x)", "@import url(x)", "", "x"])
def test_a_style_without_anything_that_may_stay_goes(style: str) -> None:
    assert written(f'<rect style="{style}"/>') == "<rect/>"


def test_a_sheet_loads_nothing_and_names_only_gradients() -> None:
    sheet = '<style>@import "x";</style><style>.a{fill:url(#g);filter:url(#f)}.b{fill:url(x)}</style>'
    both = '<linearGradient id="both"/><filter id="both"/><style>.a{fill:url(#both)}</style>'

    assert written('<linearGradient id="g"/><filter id="f"/>' + sheet).endswith(
        '<filter id="f"/><style>.a{fill:url(#g)}</style>'
    )
    assert written(both).endswith('<filter id="both"/>')
    assert re_emit(PATH, drawing(both), APP).dropped == ("style",)


def test_text_stands_only_in_text() -> None:
    assert written("x<g>y<text>z\u202e</text></g><desc>d\x85</desc>") == "<g><text>z</text></g><desc>d</desc>"


def test_a_picture_in_it_is_written_anew() -> None:
    noisy = png(2, 2)[:-12] + b"\0\0\0\x01tEXtx\xc9\xc3\xf4\x86" + png(2, 2)[-12:]
    link = "data:image/png;base64," + base64.b64encode(noisy + b"PK").decode()
    broken = base64.b64encode(png(2, 2)).decode()
    folded = f"data:image/png;base64,{broken[:20]}\n  {broken[20:]}"

    assert written(f'<image href="{link}"/>') == ""
    assert written(f'<image href="{folded}"/>') == f'<image xlink:href="{PICTURE}"/>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x1f\x8b\x08",
        b"<html/>",
        b'<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>',
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd"><svg/>',
        b'<?xml-stylesheet href="a.css"?><svg/>',
        drawing("", f'width="{SIDE + 1}" height="1"'),
        drawing("", ""),
        drawing('<g id="a"><use href="#a"/></g>'),
        drawing('<g id="a"><use xlink:href="#a"/></g>'),
        drawing("<g>" * 64 + "</g>" * 64),
        drawing("<g/>" * 20_000),
        drawing(" " * (512 << 10)),
    ],
)
def test_what_is_no_drawing_or_none_within_bounds_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        emit(PATH, data, APP)


def test_a_side_that_depends_on_others_is_left_out() -> None:
    data = emit(PATH, drawing("<rect/>", 'width="100%" height="1.5em" viewBox="0 0 16 16"'), APP)
    assert b"100%" not in data
    assert b"em" not in data
    assert rendered(data) == rendered(drawing("<rect/>", 'viewBox="0 0 16 16"'))


def test_gtk_takes_a_drawing_in_one_colour(tmp_path: Path) -> None:
    path = f"icons/hicolor/symbolic/apps/{ID}-symbolic.svg"
    file = tmp_path / f"{ID}-symbolic.svg"
    file.write_bytes(emit(path, drawing('<path d="M0 0h16v16z" class="success" fill="#2e3436"/>'), APP))
    command = ["gtk-encode-symbolic-svg", str(file), "16x16", "-o", str(tmp_path)]
    subprocess.run(command, capture_output=True, check=True)

    assert (tmp_path / f"{ID}-symbolic.symbolic.png").exists()
