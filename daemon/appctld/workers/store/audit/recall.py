# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The operation `recall`: what a stored commit says about itself, for who has no other record left.

Guarantees: the commit is what its name says, and so is every object that was read for it. Leaves to others:
whether to believe it: who owns the repository can make a commit that says anything.
"""

import os
from pathlib import Path

from appctld.model.jsonvalue import Json, JsonObject, get_str
from appctld.workers.protocol import Report, descriptor
from appctld.workers.store import names
from appctld.workers.store.merge import metadata_files
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.repository import Repository

BULK = ("ostree.manifest", "ostree.container.image-config")  # up to 5 MiB: more than an answer's line holds


def recall(request: JsonObject, _report: Report) -> JsonObject:
    """`{"repo", "commit"}`; `fds.out` gets manifest and config -> `{"texts", "lists", "sizes", "files"}`.

    `sizes` are of the two, 0 where the commit has none; `texts` and `lists` are its other metadata; `files`
    is as a merge tells it. Raises RepoCorrupt.
    """
    with os.fdopen(descriptor(request, "out"), "wb") as out:
        repository = Repository.open(Path(get_str(request, "repo")))
        with repository.shared():
            commit = repository.commit(names.check_checksum(get_str(request, "commit")))
            files = metadata_files(repository, commit.tree)
        bulk = [_bytes(commit, key) for key in BULK]
        out.write(b"".join(bulk))
    known = {key: value for key, value in commit.metadata.items() if key not in BULK}
    return {
        "texts": {key: value for key, value in known.items() if isinstance(value, str)},
        "lists": {
            key: list[Json](value) for key, value in known.items() if not isinstance(value, str | bytes)
        },
        "sizes": [len(data) for data in bulk],
        "files": files,
    }


def _bytes(commit: Commit, key: str) -> bytes:
    value = commit.metadata.get(key, b"")
    return value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b""
