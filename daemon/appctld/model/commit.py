# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a commit of anybody's says, as the store read it: the facts, and nothing about who signed them.

Guarantees: what will be shown holds no control characters, sizes are bounded.
"""

import re
from dataclasses import dataclass
from typing import Self

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int, get_str, get_strings

COMMIT_BYTES = 10 << 20  # libostree's own limit for a metadata object
TEXT_LENGTH = 4096  # as for an image's labels: anything longer is no title or version
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """One commit. `digest` is of its bytes, which is its name too; `timestamp` in seconds since 1970.

    `refs` and `collection` are its bindings, None where it has none; `metadata` is its label `xa.metadata`.
    """

    digest: Digest
    timestamp: int
    refs: tuple[str, ...] | None
    collection: str | None
    subject: str
    version: str
    metadata: str | None

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read the store's answer. Raises JsonError, or BadManifest for what nobody should be shown."""
        return cls(
            digest=Digest.parse(get_str(obj, "digest")),
            timestamp=get_int(obj, "timestamp"),
            refs=None if obj.get("refs") is None else tuple(get_strings(obj, "refs")),
            collection=None if obj.get("collection") is None else get_str(obj, "collection"),
            subject=_plain(get_str(obj, "subject"), "subject"),
            version=_plain(get_str(obj, "version"), "version"),
            metadata=None if obj.get("metadata") is None else get_str(obj, "metadata"),
        )


def _plain(text: str, what: str) -> str:
    if _CONTROL.search(text) or len(text) > TEXT_LENGTH:
        raise BadManifest(f"the commit's {what} has control characters, or is too long")
    return text
