# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Simple signatures that lie in a layout, `lookaside/<repository>@sha256=<hex>/signature-N`."""

from appctld.model.digest import Digest
from appctld.workers.fetch.layout.member import Files, read_file
from appctld.workers.fetch.lookaside import SIGNATURE_BYTES, SIGNATURES, Found

_OK, _ABSENT = 200, 404  # in a server's words


def collect(files: Files, repository: str, digest: Digest) -> Found:
    """Read signature-1, -2, … until one is absent. Raises LimitExceeded, UnsafeArchive."""
    found = Found()
    *above, last = repository.split("/")
    directory = ("lookaside", *above, f"{last}@sha256={digest.hex}")
    for number in range(1, SIGNATURES + 1):
        name = (*directory, f"signature-{number}")
        data = read_file(files, SIGNATURE_BYTES, *name)
        found.looked_at.append(("/".join((files.place, *name)), _ABSENT if data is None else _OK))
        if data is None:
            break
        found.blobs.append(data)
    return found
