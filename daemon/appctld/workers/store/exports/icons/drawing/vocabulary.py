# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The words of a drawing (SVG 1.1 and what GTK's one-coloured icons need of SVG 2).

Guarantees: nothing that runs, moves, is loaded, links, or holds another language; nothing whose cost does not
show in the number of elements: no turbulence, no convolution, no morphology, no lighting, no markers, no
dashes.
"""

SHAPES = frozenset({"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"})
GRADIENTS = frozenset({"linearGradient", "radialGradient"})
PRIMITIVES = frozenset({
    "feBlend", "feColorMatrix", "feComponentTransfer", "feComposite", "feDropShadow", "feFlood",
    "feGaussianBlur", "feMerge", "feOffset",
})  # fmt: skip
_PARTS_OF_PRIMITIVES = frozenset({"feFuncR", "feFuncG", "feFuncB", "feFuncA", "feMergeNode"})
_GROUPS = frozenset({"g", "defs", "symbol", "switch", "clipPath", "mask", "pattern", "filter"})
FOR_PEOPLE = frozenset({"title", "desc"})
WITH_TEXT = frozenset({"text", "tspan"})
ELEMENTS = (
    SHAPES | GRADIENTS | PRIMITIVES | _PARTS_OF_PRIMITIVES | _GROUPS | FOR_PEOPLE | WITH_TEXT
    | {"stop", "use", "image", "style"}
)  # fmt: skip

_PROPERTIES = """
    clip-path clip-rule color color-interpolation color-interpolation-filters color-rendering direction
    display dominant-baseline enable-background fill fill-opacity fill-rule filter flood-color
    flood-opacity font font-family font-size font-stretch font-style font-variant font-weight
    image-rendering isolation letter-spacing line-height marker mask mask-type mix-blend-mode opacity
    overflow paint-order shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-linecap
    stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-align text-anchor text-decoration
    text-rendering transform vector-effect visibility white-space word-spacing writing-mode
"""
PROPERTIES = frozenset(_PROPERTIES.split())
NONE_ONLY = frozenset({"marker", "stroke-dasharray"})  # drawing programs write that there are none
_ATTRIBUTES = """
    amplitude baseProfile clipPathUnits cx cy d dx dy exponent filterUnits fr fx fy gradientTransform
    gradientUnits height in in2 intercept k1 k2 k3 k4 lengthAdjust maskContentUnits maskUnits mode
    offset operator pathLength patternContentUnits patternTransform patternUnits points
    preserveAspectRatio primitiveUnits r refX refY requiredFeatures result rotate rx ry slope
    spreadMethod stdDeviation systemLanguage tableValues textLength type values version viewBox width x
    x1 x2 xml:space y y1 y2
"""
ATTRIBUTES = PROPERTIES | frozenset(_ATTRIBUTES.split())
