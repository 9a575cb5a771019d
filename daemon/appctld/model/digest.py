# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A SHA-256 digest in its OCI spelling; the only thing from outside that may name a file."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from appctld.errors import BadManifest

_HEX = re.compile(r"[0-9a-f]{64}")
_PREFIX = "sha256:"


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """`hex` is 64 lower-case hexadecimal digits; every way to make one checks that (CVE-2024-3727)."""

    hex: str

    def __post_init__(self) -> None:
        if not _HEX.fullmatch(self.hex):
            raise BadManifest("a digest that is not 64 lower-case hexadecimal digits")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<hex>`; any other algorithm or spelling is BadManifest (image-spec, descriptor.md)."""
        if not text.startswith(_PREFIX):
            raise BadManifest("a digest that is not sha256")
        return cls(text[len(_PREFIX) :])

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The digest of these bytes."""
        return cls(hashlib.sha256(data).hexdigest())

    def __str__(self) -> str:
        return _PREFIX + self.hex
