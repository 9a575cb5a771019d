# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""WWW-Authenticate, read: text in, challenges out (RFC 9110, 11.6.1); no I/O.

A header may hold several challenges, and commas separate both them and their parameters. What cannot be read
to its end is no challenge at all.
"""

import re
from dataclasses import dataclass

HEADER_LENGTH = 16 << 10  # http.client's own limit is 64 KiB a line; real ones have 200 bytes
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for it
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:\s+|$|(?=\s*,))")
_PARAMETER = re.compile(rf'[\s,]*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?=,|$)')
_QUOTED = re.compile(r"\\(.)")
_REST = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate: a lower-case scheme, and its parameters by lower-case name."""

    scheme: str
    parameters: dict[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """Every challenge of the header's value, in order; an empty list when it cannot be read whole."""
    challenges: list[Challenge] = []
    place = 0
    if len(header) > HEADER_LENGTH:
        return []
    while not _REST.fullmatch(header, place):
        scheme = _SCHEME.match(header, place)
        if scheme is None:
            return []
        parameters, place = _parameters(header, scheme.end())
        if parameters is None:
            return []
        challenges.append(Challenge(scheme[1].lower(), parameters))
    return challenges


def _parameters(header: str, place: int) -> tuple[dict[str, str] | None, int]:
    """The parameters from `place` on, and where they end; None when a name stands there twice."""
    parameters: dict[str, str] = {}
    while found := _PARAMETER.match(header, place):
        name = found[1].lower()
        if name in parameters:
            return None, place
        parameters[name] = found[3] if found[2] is None else _QUOTED.sub(r"\1", found[2])
        place = found.end()
    return parameters, place
