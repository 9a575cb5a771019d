# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is in a layer, without the contents: read once, however many images have it.

Images of one publisher have layers in common, the largest of them mostly; looked into one after the other,
each would be fetched again with every image. Guarantees: what is told of a layer was read from bytes with its
digest; no more of them are remembered than LAYERS.
"""

from collections import OrderedDict
from typing import NamedTuple

from appctld.model.digest import Digest
from appctld.model.manifest import Descriptor
from appctld.workers.images.layers import Blobs
from appctld.workers.store.archive.entry import Entry
from appctld.workers.store.archive.tar import TarReader

LAYERS = 32  # a whole system's has 100,000 entries, some tens of MiB in memory; apps build on a few of them


class Listing(NamedTuple):
    """A layer's entries in their order, and what its tar really hashes to."""

    entries: list[Entry]
    diff_id: Digest


class Listings:
    """Those of the layers that were looked into last."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Descriptor, Digest], Listing] = OrderedDict()

    def of(self, blobs: Blobs, layer: Descriptor, said: Digest) -> Listing:
        """That of a layer whose tar is said to hash so. Raises what reading it does."""
        found = self._known.pop((layer, said), None) or _read(blobs, layer, said)
        self._known[layer, said] = found
        if len(self._known) > LAYERS:
            self._known.popitem(last=False)
        return found


def _read(blobs: Blobs, layer: Descriptor, said: Digest) -> Listing:
    unpacked = blobs.unpacked(layer, said)
    entries = list(TarReader(unpacked).entries())
    return Listing(entries, unpacked.digest)
