# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What was found: a code that programs rely on, how bad it is, a sentence, and what it is about.

Guarantees: a code never changes its meaning; every code stands here, with its level.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from appctld.model.jsonvalue import Json, JsonObject

FINDINGS = 500  # of one image, beside errors: nobody reads more
ERRORS = 500  # of one image: an answer is one line


class Level(StrEnum):
    """An error keeps the image from being what its publisher means; a warning may; a note is to be known."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


CODES: Mapping[str, Level] = {
    "bad-image": Level.ERROR,  # what appctl would refuse, in the words with which it would
    "wrong-diffid": Level.ERROR,
    "bad-id": Level.ERROR,
    "no-id": Level.WARNING,
    "id-differs": Level.ERROR,
    "bad-metadata": Level.ERROR,
    "label-differs": Level.ERROR,
    "no-label": Level.WARNING,
    "desktop-invalid": Level.ERROR,
    "metainfo-invalid": Level.ERROR,
    "not-exported": Level.WARNING,
    "export-refused": Level.ERROR,
    "export-dropped": Level.WARNING,
    "not-checked": Level.NOTE,
    "catalog-refused": Level.ERROR,
    "catalog-invalid": Level.WARNING,
    "no-icon": Level.WARNING,
    "icon-invalid": Level.ERROR,
    "icon-size": Level.ERROR,
    "no-command": Level.WARNING,
    "command-missing": Level.ERROR,
    "command-not-executable": Level.ERROR,
    "command-in-runtime": Level.NOTE,
    "private-mode": Level.WARNING,
    "dropped": Level.WARNING,
    "setuid": Level.WARNING,
    "capability": Level.WARNING,
    "ignored": Level.WARNING,
    "no-name": Level.WARNING,
    "not-signed": Level.ERROR,
    "other-identity": Level.ERROR,
    "tag-not-bound": Level.WARNING,
    "keyless": Level.WARNING,
    "signed": Level.NOTE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is a path, a label or a reference; foreign text, as the sentence may hold some."""

    image: str
    code: str
    subject: str
    sentence: str

    @property
    def level(self) -> Level:
        """How bad it is."""
        return CODES[self.code]

    def to_json(self) -> JsonObject:
        """As it stands in the answer."""
        return {
            "image": self.image,
            "code": self.code,
            "level": str(self.level),
            "subject": self.subject,
            "sentence": self.sentence,
        }


@dataclass(slots=True)
class Findings:
    """Those of one image, in the order in which they were found."""

    image: str
    found: list[Finding] = field(default_factory=list)

    def add(self, code: str, subject: str, sentence: str) -> None:
        """Note one. Others may be too many to be told; an error is told whatever was told before it."""
        same = [one for one in self.found if (one.level is Level.ERROR) == (CODES[code] is Level.ERROR)]
        if len(same) < (ERRORS if CODES[code] is Level.ERROR else FINDINGS):
            self.found.append(Finding(self.image, code, subject, sentence))

    def to_json(self) -> list[Json]:
        """All of them."""
        return [one.to_json() for one in self.found]
