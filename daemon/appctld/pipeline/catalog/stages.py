# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A catalogue on its way: what was verified and planned of it, and what was written in the end.

As of apps (pipeline/stages.py), each is made in one function, of what the step before made.
"""

from dataclasses import dataclass

from appctld.config.remote import Remote
from appctld.model.catalog import CATALOG_BYTES
from appctld.model.digest import Digest
from appctld.model.image import ImageConfig
from appctld.model.published import PublishedCommit
from appctld.pipeline.stages import PlannedLayer, Standing, Verified
from appctld.state.paths import layer_refs


@dataclass(frozen=True, slots=True)
class PlannedCatalog:
    """Made of verified bytes only; the members are those of a planned image of an app."""

    verified: Verified
    config: ImageConfig
    config_bytes: bytes
    standing: Standing
    order: tuple[Digest, ...]
    layers: tuple[PlannedLayer, ...]

    @property
    def remote(self) -> Remote:
        """Under whose keys it was verified."""
        return self.verified.resolved.remote

    @property
    def digest(self) -> Digest:
        """The manifest's."""
        return self.verified.resolved.digest

    @property
    def published(self) -> PublishedCommit | None:
        """It holds files, and nobody's commit."""
        return None

    @property
    def layer_bytes(self) -> int:
        """What the tar of one of its layers may have."""
        return CATALOG_BYTES

    def layer_refs(self) -> set[str]:
        """The refs of this remote that keep its layers."""
        return {*layer_refs(self.remote.name, self.order, 0)}


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a remote's catalogue is now; `changed` is whether it came just now."""

    digest: Digest
    signed: bool
    changed: bool
