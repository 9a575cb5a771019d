# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The fetcher's operations, called in this process; what they write is caught in an anonymous file."""

import os

from appctld.model.jsonvalue import Json, JsonObject
from appctld.workers.fetch.__main__ import HANDLERS

AMD64: JsonObject = {"os": "linux", "architecture": "amd64", "variant": ""}


def endpoint(url: str, **changes: Json) -> JsonObject:
    """The endpoint members of a request about `demo/plain` at the registry `url`, with `changes`."""
    members: JsonObject = {
        "registry": url,
        "repository": "demo/plain",
        "insecure": False,
        "auth_realm": None,
        "ca": None,
        "credential": None,
    }
    return {**members, **changes}


class Fetch:
    """One call: `Fetch().run("blob", request)`; `written` and `progress` stay after an error."""

    def __init__(self) -> None:
        self.progress: list[JsonObject] = []
        self.written = b""

    def run(self, operation: str, request: JsonObject) -> JsonObject:
        """Run the operation with an `out` descriptor. Raises what the handler raises."""
        kept = os.memfd_create("out")
        given = os.dup(kept)
        try:
            return HANDLERS[operation](
                {**request, "op": operation, "fds": {"out": given}}, self.progress.append
            )
        finally:
            self.written = os.pread(kept, os.fstat(kept).st_size, 0)
            os.close(kept)


def resolve(members: JsonObject, reference: str = "1", platform: JsonObject = AMD64) -> JsonObject:
    """`resolve` of a tag or digest, for amd64 unless told otherwise."""
    return Fetch().run("resolve", {**members, "reference": reference, "platform": platform})
