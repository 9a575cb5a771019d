# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The documents of an image that are here already, in the place of its registry.

They are as little believed as what a registry sends: the same steps judge them, by the keys of today.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from appctld.errors import Offline
from appctld.model.digest import Digest
from appctld.pipeline.records.provenance import evidence_of
from appctld.state.provenance import Provenance
from appctld.trust.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Stock:
    """What was kept of one image; `config` are the bytes of its config."""

    provenance: Provenance
    config: bytes

    def documents(self) -> list[tuple[str, bytes]]:
        """Type and bytes of the manifest, and before it of the index that named it, if one did."""
        index, manifest = self.provenance.index, self.provenance.manifest
        return [(one.media_type, one.raw) for one in (index, manifest) if one is not None]

    def evidence(self, digest: Digest) -> Evidence:
        """What speaks for `digest`. Raises RepoCorrupt."""
        kept = evidence_of(self.provenance)
        return kept if kept.digest == digest else Evidence(digest, looked_at=("what is kept here",))


def check_pulling(stock: Stock | None, fds: Mapping[str, int]) -> None:
    """Raise Offline where nothing may be fetched, before a worker has a network; `fds` are closed then."""
    if stock is None:
        return
    for number in fds.values():
        os.close(number)
    raise Offline(
        "something of it is not here, and nothing is fetched", hint="without --no-pull it is fetched"
    )
