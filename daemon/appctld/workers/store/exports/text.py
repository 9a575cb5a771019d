# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Text that a desktop shows to people: what has no shape of its own is taken out, for every file alike.

Guarantees: no control character, no line end, nothing that turns the direction of writing, nothing without
width but the two joiners that Persian, Indic scripts and emoji need, no filler, no private use, nothing that
XML cannot hold; what a newline or a tab separates is separated by a blank. The names of two apps may still
look alike: letters of other scripts are letters.
"""

import unicodedata

LINE = 1024  # characters of a name, a comment, a summary: desktops show a line of them
_SHAPELESS = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_NO_XML = frozenset("\ufffe\uffff")  # one makes all of a document unreadable
_NOTHING = _FILLERS | _NO_XML


def shown(text: str) -> str:
    """The text as it may be shown, on one line; perhaps empty."""
    flat = text.translate(_BLANKS)
    if not (flat.isascii() and flat.isprintable()):  # plain ASCII has nothing to take out
        flat = "".join(filter(_has_shape, flat))
    return " ".join(flat.split(" ")).strip(" ")


_BLANKS = {ord(character): " " for character in "\t\n\r\u2028\u2029"}


def _has_shape(character: str) -> bool:
    if character in _JOINERS:
        return True
    return character not in _NOTHING and unicodedata.category(character) not in _SHAPELESS
