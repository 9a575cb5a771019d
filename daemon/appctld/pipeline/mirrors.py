# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where a layer's blob may be had: at a remote's mirrors, in their order, and at last at the remote itself.

A mirror gets no login but one that was given for its own place, and no token server but one on its host. What
it does wrong costs a try: its bytes are hashed as they arrive, and the next place is asked.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from appctld.config.remote import Remote
from appctld.errors import AppctlError, ContentMismatch, NotFound, Refused, Transport
from appctld.model.jsonvalue import JsonObject
from appctld.model.reference import Reference
from appctld.pipeline.tools import Tools

logger = logging.getLogger(__name__)


def mirrored(remote: Remote, reference: Reference, tools: Tools) -> list[JsonObject]:
    """Where a fetcher may find what has a digest, beside the remote itself."""
    if tools.bundle is not None:
        return []
    return [
        tools.endpoint(
            replace(remote, prefix=mirror.prefix, plain_http=mirror.plain_http, auth_realm=None),
            mirror.stand_in(remote.covered, reference),
        )
        for mirror in remote.mirrors
    ]


def is_private(remote: Remote, reference: Reference, tools: Tools) -> bool:
    """Whether what is fetched is offered to no other remote (R5): a login may open it, at a mirror too."""
    asked = mirrored(remote, reference, tools)
    return tools.is_private(remote, reference) or any(one["credential"] is not None for one in asked)


async def from_somewhere(
    remote: Remote, reference: Reference, tools: Tools, get: Callable[[JsonObject], Awaitable[None]]
) -> None:
    """Get it from the first place that has it. Raises what the remote itself comes to."""
    for endpoint in mirrored(remote, reference, tools):
        try:
            await get(endpoint)
        except (Transport, Refused, ContentMismatch, NotFound) as error:
            _note(endpoint, error)
        else:
            return
    await get(tools.endpoint(remote, reference))


def _note(endpoint: JsonObject, error: AppctlError) -> None:
    logger.info(
        "mirror %s of %s: %s: %s", endpoint["registry"], endpoint["repository"], error.name, error.message
    )
