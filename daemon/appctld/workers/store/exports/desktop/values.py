# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Values of a desktop file, read and written (Desktop Entry Specification 1.5, "Possible value types").

Guarantees: `unescaped` and `escaped`, `split` and `joined` undo each other; what is written is one line.
"""

import re

from appctld.model.keyfile import KeyfileError, parse_keyfile
from appctld.workers.store.exports.exporter import Refused

_MEANT = {"\\s": " ", "\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\"}
_MEANT_IN_LISTS = {**_MEANT, "\\;": ";"}
_WRITTEN = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})
_PIECE = re.compile(r"\\.?|;|[^;\\]+")
_OUTER_BLANKS = re.compile(r"^ +| +\Z")


def groups_of(data: bytes) -> dict[str, dict[str, str]]:
    """The groups of a file, in order. Raises Refused."""
    try:
        return parse_keyfile(data.decode())
    except UnicodeDecodeError:
        raise Refused("it is not UTF-8") from None
    except KeyfileError as error:
        raise Refused(f"it holds {error}") from None


def unescaped(value: str) -> str | None:
    """A string as it is meant; None where an escape has no meaning."""
    return _meant(_PIECE.findall(value), _MEANT)


def escaped(text: str) -> str:
    """A string as it is written: blanks at its ends would be taken away."""
    return _OUTER_BLANKS.sub(lambda found: r"\s" * len(found[0]), text.translate(_WRITTEN))


def split(value: str) -> list[str] | None:
    """The items of a list, empty ones left out; None where an escape has no meaning."""
    items: list[list[str]] = [[]]
    for piece in _PIECE.findall(value):
        if piece == ";":
            items.append([])
        else:
            items[-1].append(piece)
    meant = [_meant(item, _MEANT_IN_LISTS) for item in items]
    found = [item for item in meant if item]
    return None if None in meant else found


def joined(items: list[str]) -> str:
    """A list as it is written."""
    return "".join(escaped(item).replace(";", r"\;") + ";" for item in items)


def written(groups: dict[str, dict[str, str]]) -> bytes:
    """Groups as a file; the values are written already."""
    return "\n".join(_group(name, keys) for name, keys in groups.items()).encode()


def _meant(tokens: list[str], meanings: dict[str, str]) -> str | None:
    parts = [meanings.get(token) if token.startswith("\\") else token for token in tokens]
    found = [part for part in parts if part is not None]
    return "".join(found) if len(found) == len(parts) else None


def _group(name: str, keys: dict[str, str]) -> str:
    return f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
