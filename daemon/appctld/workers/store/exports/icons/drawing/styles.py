# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Values of a drawing, and the little of CSS that drawings use: declarations, and rules with plain selectors.

Guarantees: no value names anything outside its document; of functions only those of colours and places are
called; an escape, behind which a name could hide, is never kept. No rule of a sheet begins with an at sign,
or asks what an element stands in, for which everything around it would be looked at again and again.
"""

import re
from collections.abc import Collection

from appctld.workers.store.exports.icons.drawing.vocabulary import NONE_ONLY, PROPERTIES

IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_:.-]{0,127}"
RULES = 500  # of a sheet: a drawing program writes one for each colour
_LOCAL = re.compile(rf"""url\( ?(["']?)#({IDENTIFIER})\1 ?\)""")
_CALL = re.compile(r"[A-Za-z0-9_-]*\s*\Z")
_LONGEST_CALL = 32  # characters of a name, and of blanks behind it
_CALLED = frozenset({
    "rgb", "rgba", "hsl", "hsla", "matrix", "translate", "scale", "rotate", "skewX", "skewY",
})  # fmt: skip
_NEVER = re.compile(r"[\\<>{}@;\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|/\*|\*/|//")
_SELECTOR = re.compile(r"(?:[A-Za-z][A-Za-z0-9]*)?(?:[.#][A-Za-z_][A-Za-z0-9_-]*)*")
_COSTLY = frozenset({"clip-path", "filter", "mask"})  # whose cost is counted where they are named


def references(value: str) -> list[str]:
    """The IDs of the elements that a value names."""
    return [found[2] for found in _LOCAL.finditer(value)]


def is_plain(value: str) -> bool:
    """Whether a value names nothing outside, and calls nothing but what is known."""
    rest = _LOCAL.sub("", value)
    if _NEVER.search(rest) or rest.count('"') % 2 or rest.count("'") % 2:
        return False
    return all(_called(before) in _CALLED for before in rest.split("(")[:-1])


def _called(before: str) -> str:
    """What is called by a bracket, of what stands before it."""
    found = _CALL.search(before[-_LONGEST_CALL:])
    return found[0].rstrip() if found else ""


def declarations(text: str) -> dict[str, str]:
    """The declarations of a style that may stay, by property."""
    found: dict[str, str] = {}
    for item in text.split(";"):
        name, _, value = (part.strip() for part in item.partition(":"))
        if allows(name, value):
            found[name] = value
    return found


def lost(text: str, found: Collection[str]) -> list[str]:
    """The properties of a style that say something which does not stay; others mean nothing to a drawing."""
    names = [item.partition(":")[0].strip() for item in text.split(";")]
    return [name for name in names if name in PROPERTIES and name not in found]


def allows(name: str, value: str) -> bool:
    """Whether a property may have this value."""
    if name in NONE_ONLY:
        return value == "none"
    if name in _COSTLY and "inherit" in value.lower():
        return False
    return name in PROPERTIES and value != "" and is_plain(value)


def written(found: dict[str, str]) -> str:
    """Declarations as they are written."""
    return ";".join(f"{name}:{value}" for name, value in found.items())


def sheet(text: str, gradients: Collection[str]) -> str:
    """The rules of a sheet that may stay; the elements that they name are gradients, which cost nothing."""
    rules: list[str] = []
    for rule in without_comments(text).split("}")[:RULES]:
        selectors, _, inside = rule.partition("{")
        found = _coloured(inside, gradients)
        if found and all(one and _SELECTOR.fullmatch(one) for one in map(str.strip, selectors.split(","))):
            rules.append(f"{selectors.strip()}{{{written(found)}}}")
    return "".join(rules)


def without_comments(text: str) -> str:
    """A sheet without what is in it for people; a comment without an end takes all that follows."""
    first, *others = text.split("/*")
    return "".join((first, *(other.partition("*/")[2] for other in others)))


def _coloured(inside: str, gradients: Collection[str]) -> dict[str, str]:
    found = declarations(inside)
    return {
        name: value for name, value in found.items() if all(one in gradients for one in references(value))
    }
