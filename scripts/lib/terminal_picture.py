# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a person saw at a terminal, as an SVG: line by line, as it came; at once for who wants no motion.

Nothing in it is a script or comes from elsewhere, so that a document may show it as an image.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

LINE, MARGIN, COLUMN = 18, 16, 7.83  # pixels; a column is that of a monospaced font of 13
TYPING, ANSWER = 1.2, 0.12  # seconds before a command, and before each line of its answer
LOOKS = {"prompt": "#8ae234", "remark": "#a0a0a0", "red": "#ff6b68", "bold": "#ffffff"}
STYLE = """
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: #d8d8d8 }
.red, .bold { font-weight: bold }
g { animation: come 0.01s linear both }
@keyframes come { from { opacity: 0 } }
@media (prefers-reduced-motion: reduce) { g { animation: none } }
"""


def picture(lines: Sequence[Sequence[tuple[str, str]]], title: str) -> str:
    """Lines of pieces, each a text and its look: "" or one of LOOKS."""
    columns = max(sum(len(text) for text, _ in line) for line in lines)
    width, height = round(columns * COLUMN) + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    looks = "\n".join(f".{look} {{ fill: {colour} }}" for look, colour in LOOKS.items())
    drawn = [
        f'<g style="animation-delay: {when:.2f}s"><text x="{MARGIN}" y="{MARGIN + LINE * number + 13}">'
        f"{''.join(_piece(text, look) for text, look in line)}</text></g>"
        for number, (when, line) in enumerate(zip(_moments(lines), lines, strict=True))
    ]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" xml:space="preserve"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="t">',
        f'<title id="t">{escape(title)}</title>',
        f"<style>{STYLE}{looks}\n</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#1e1e1e"/>',
    )
    return "\n".join((*head, *drawn, "</svg>", ""))


def _moments(lines: Sequence[Sequence[tuple[str, str]]]) -> Iterator[float]:
    """When each line comes, in seconds."""
    now = 0.0
    for line in lines:
        now += TYPING if line and line[0][1] == "prompt" else ANSWER
        yield now


def _piece(text: str, look: str) -> str:
    return f'<tspan class="{look}">{escape(text)}</tspan>' if look else escape(text)
