# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is to be brought of a catalogue, decided on verified bytes, before any layer comes.

It has no ID, no permissions and no architecture. Its order is kept as an app's is (R9), under a name that no
app can have; how large it may be is decided here, so that no remote fills a disk with what nobody asked for.
"""

from appctld.model.catalog import check_label, check_layers
from appctld.model.digest import Digest
from appctld.model.image import config_of
from appctld.pipeline.admission.standing import stand
from appctld.pipeline.catalog.stages import PlannedCatalog
from appctld.pipeline.images.plan import layers_of, signed_config
from appctld.pipeline.stages import Verified
from appctld.pipeline.tools import Tools

NAMED = "appctl-catalog"  # in the place of an ID, none of which is without a dot


async def plan_catalog(verified: Verified, here: Digest | None, tools: Tools) -> PlannedCatalog:
    """Judge it beside the one that is `here`.

    Raises BadManifest, DigestMismatch, LimitExceeded, and as `stand` (R9).
    """
    layers = verified.manifest.layers
    check_layers(layers)
    config_bytes = await signed_config(verified, tools)
    config = config_of(config_bytes, layers)
    check_label(config, str(verified.resolved.reference))
    return PlannedCatalog(
        verified=verified,
        config=config,
        config_bytes=config_bytes,
        standing=stand(verified, config, NAMED, here, tools),
        order=config.diff_ids,
        layers=layers_of(config, None, verified, tools),
    )
