# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The native pull's operations, called in this process; what they write is caught in an anonymous file."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from appctld.model.jsonvalue import Json, JsonObject, get_int, get_str
from appctld.workers.pull.__main__ import HANDLERS
from support.publishers.ostree_remote import REF

LIMIT = 64 << 20


@dataclass
class Pull:
    """The pulls of one quarantine from `url`; `progress` and `written` stay after an error."""

    quarantine: Path
    url: str
    ca: str | None = None
    proxy: JsonObject = field(default_factory=dict)
    progress: list[JsonObject] = field(default_factory=list)
    written: bytes = b""

    def commit(self, **asked: Json) -> JsonObject:
        """`commit`, of the ref unless told otherwise."""
        kept = os.memfd_create("out")
        request: JsonObject = {**self._members(), **(asked or {"ref": REF}), "fds": {"out": os.dup(kept)}}
        try:
            return HANDLERS["commit"](request, self.progress.append)
        finally:
            self.written = os.pread(kept, os.fstat(kept).st_size, 0)
            os.close(kept)

    def pull(self, commit: str, **changes: Json) -> int:
        """`pull` of a commit: the bytes that came."""
        asked: JsonObject = {"commit": commit, "ref": REF, "limit": LIMIT, "deltas": True, **changes}
        return get_int(HANDLERS["pull"]({**self._members(), **asked}, self.progress.append), "bytes")

    def both(self) -> str:
        """`commit`, then `pull` of what the ref names: the commit."""
        name = get_str(self.commit(), "commit")
        self.pull(name)
        return name

    def _members(self) -> JsonObject:
        self.quarantine.mkdir(exist_ok=True)
        members: JsonObject = {"url": self.url, "ca": self.ca, "proxy": self.proxy, "parent": None}
        return {"quarantine": str(self.quarantine), **members}
