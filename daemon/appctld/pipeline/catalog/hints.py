# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a flatpak index server lists, where a remote has no catalogue: fetched, and read by the store.

Nobody signed it, no credential goes there, and nothing is decided by it: it is searched, and shown as a hint.
"""

import os

from appctld.config.catalog import catalog_reference
from appctld.config.remote import Remote
from appctld.model.digest import Digest
from appctld.model.jsonvalue import get_str
from appctld.pipeline.answers import understood
from appctld.pipeline.catalog.run import show
from appctld.pipeline.catalog.stages import Catalog
from appctld.pipeline.parallel import two_ends
from appctld.pipeline.tools import INDEX_DEADLINE, Tools, ignore


async def renew_hints(remote: Remote, here: Digest | None, tools: Tools) -> Catalog:
    """Read the whole list, and show it, unless it is the one that is `here`.

    Raises NotFound (there is no index), BadManifest, LimitExceeded, Transport.
    """
    scheme = "http" if remote.plain_http else "https"
    place = remote.covered
    reading, writing = os.pipe()
    _, answer = await two_ends(
        tools.fetch(
            {
                "op": "listing",
                **tools.endpoint(remote, catalog_reference(place, remote.catalog), login=False),
                "index": f"{scheme}://{remote.prefix}",
                "architecture": tools.platform.architecture,
            },
            fds={"out": writing},
            report=ignore,
            deadline=INDEX_DEADLINE,
        ),
        tools.store(
            {
                "op": "store-hints",
                "remote": remote.name,
                "prefix": str(remote.prefix),
                "ids": [*remote.ids],
                "host": place.host,
                "architecture": tools.platform.architecture,
                "here": str(here or ""),
            },
            fds={"in": reading},
        ),
    )
    with understood("store"):
        digest = Digest.parse(get_str(answer, "digest"))
        if digest == here:
            return Catalog(digest, signed=False, changed=False)
        name = get_str(answer, "name")
    await show(remote, name, tools)
    return Catalog(digest, signed=False, changed=True)
