# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A content map: which component the files of a path belong to, in lines `GLOB COMPONENT`.

Guarantees: pure; sizes are bounded; the first line that matches a path counts. `*` matches any text, `/` too,
`?` a character, `[…]` one of several; a path has no leading `/`. Empty lines and those with `#` in front say
nothing. A component's name may have blanks, but no comma: in an image's annotations commas separate them.
"""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

from appctld.errors import InvalidReference, LimitExceeded

MAP_BYTES = 1 << 20  # the packages of an OS, one line each, are some 100 KiB
COMPONENTS = 63  # each is a layer, and the first layer is the commit's (chunks.LAYERS)
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f,]{1,128}")


@dataclass(frozen=True)
class ContentMap:
    """`rules`: what matches a whole path, and the component; in the file's order."""

    rules: Sequence[tuple[re.Pattern[str], str]]

    @property
    def components(self) -> list[str]:
        """Each once, in the order of their first lines."""
        return list(dict.fromkeys(component for _, component in self.rules))

    def component(self, path: str) -> str:
        """The component of a path; "" if no line matches it."""
        return next((component for pattern, component in self.rules if pattern.match(path)), "")


def parse_map(data: bytes) -> ContentMap:
    """Read a content map of at most `MAP_BYTES`. Raises InvalidReference, LimitExceeded."""
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise _bad("text in UTF-8") from error
    rules = [_rule(number, line) for number, line in enumerate(lines, 1) if _says_something(line)]
    found = ContentMap(rules)
    if not rules:
        raise _bad("a file with at least one line")
    if len(found.components) > COMPONENTS:
        raise LimitExceeded(f"a content map with more than {COMPONENTS} components", limit=COMPONENTS)
    return found


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _rule(number: int, line: str) -> tuple[re.Pattern[str], str]:
    glob, *rest = line.split(maxsplit=1)
    component = rest[0].strip() if rest else ""
    if glob.startswith("/") or not _PRINTABLE.fullmatch(component):
        raise _bad(
            f"GLOB COMPONENT in line {number}, the glob without a leading '/', the component without a comma"
        )
    return re.compile(fnmatch.translate(glob)), component


def _bad(what: str) -> InvalidReference:
    return InvalidReference(f"a content map is {what}", hint="usr/lib/* libraries    (a line of one)")
