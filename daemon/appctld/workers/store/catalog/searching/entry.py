# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is kept of one listed app to search in, and the file with all of them: `index.json`.

Pure. Guarantees: every text is one line of bounded length; what is written reads back as the same. All of it
is foreign text.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from appctld.errors import LimitExceeded
from appctld.model.jsonvalue import (
    Json,
    JsonObject,
    get_object,
    get_objects,
    get_str,
    get_string_map,
    get_strings,
    parse_object,
)

INDEX_BYTES = 48 << 20  # half as much again as the XML that it is made of

Texts = Mapping[str, str]
"""By language as POSIX writes it (`pt_BR`); the untranslated one under the empty string."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One app; `icons` are paths below the catalogue's directory by their size (`64x64@2`)."""

    id: str
    reference: str
    names: Texts
    summaries: Texts = field(default_factory=dict)
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    description: str = ""
    version: str = ""
    icons: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """As a member of the index."""
        return {
            "id": self.id,
            "reference": self.reference,
            "names": {**self.names},
            "summaries": {**self.summaries},
            "keywords": {language: [*words] for language, words in self.keywords.items()},
            "description": self.description,
            "version": self.version,
            "icons": {**self.icons},
        }

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError."""
        words = get_object(obj, "keywords")
        return cls(
            id=get_str(obj, "id"),
            reference=get_str(obj, "reference"),
            names=get_string_map(obj, "names"),
            summaries=get_string_map(obj, "summaries"),
            keywords={language: tuple(get_strings(words, language)) for language in words},
            description=get_str(obj, "description"),
            version=get_str(obj, "version"),
            icons=get_string_map(obj, "icons"),
        )


def write_index(entries: Iterable[Entry], *, signed: bool) -> bytes:
    """The file. Raises LimitExceeded."""
    apps: list[Json] = [entry.to_json() for entry in entries]
    data = json.dumps({"signed": signed, "apps": apps}, ensure_ascii=False).encode()
    if len(data) > INDEX_BYTES:
        raise LimitExceeded(f"a catalogue with {len(data)} bytes of texts", limit=INDEX_BYTES)
    return data


def read_index(data: bytes) -> tuple[list[Entry], bool]:
    """The entries, and whether somebody signed them. Raises JsonError."""
    obj = parse_object(data, INDEX_BYTES)
    return [Entry.from_json(app) for app in get_objects(obj, "apps")], obj.get("signed") is True
