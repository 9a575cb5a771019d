# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where a layer's blob may be had: at a remote's mirrors, in their order, and at last at the remote itself.

A mirror gets no login but one that was given for its own place, and no token server but one on its host. What
it does wrong costs a try: its bytes are hashed as they arrive, and the next place is asked. So does what is
wrong here with the certificates of its host.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from appctld.config.remote import Remote
from appctld.errors import AppctlError, ContentMismatch, Failed, LimitExceeded, NotFound, Refused, Transport
from appctld.model.jsonvalue import JsonObject
from appctld.model.login import login_for
from appctld.model.reference import Reference
from appctld.pipeline.tools import Tools, endpoint

logger = logging.getLogger(__name__)


def mirrored(remote: Remote, reference: Reference, tools: Tools) -> list[tuple[Remote, Reference]]:
    """What stands in for the remote, and for the image, where a fetcher may find what has a digest."""
    if tools.bundle is not None:
        return []
    return [
        (
            replace(remote, prefix=mirror.prefix, plain_http=mirror.plain_http, auth_realm=None),
            mirror.stand_in(remote.covered, reference),
        )
        for mirror in remote.mirrors
    ]


def is_private(remote: Remote, reference: Reference, tools: Tools) -> bool:
    """Whether what is fetched is offered to no other remote (R5): a login may open it, at a mirror too.

    A bundle proves that its bringer has the bytes, and nothing of who else may have them.
    """
    if tools.bundle is not None or endpoint(remote, reference, tools.logins)["credential"] is not None:
        return True
    return any(login_for(tools.logins, there) is not None for _, there in mirrored(remote, reference, tools))


async def from_somewhere(
    remote: Remote, reference: Reference, tools: Tools, get: Callable[[JsonObject], Awaitable[None]]
) -> None:
    """Get it from the first place that has it. Raises what the remote itself comes to."""
    for mirror, there in mirrored(remote, reference, tools):
        if await _serves(mirror, there, tools, get):
            return
    await get(tools.endpoint(remote, reference))


async def _serves(
    mirror: Remote, reference: Reference, tools: Tools, get: Callable[[JsonObject], Awaitable[None]]
) -> bool:
    """Whether a mirror gave it; where its certificates cannot be read it is not even asked."""
    try:
        endpoint = tools.endpoint(mirror, reference)
    except (Failed, LimitExceeded) as error:
        _note(reference, error)
        return False
    try:
        await get(endpoint)
    except (Transport, Refused, ContentMismatch, NotFound) as error:
        _note(reference, error)
        return False
    return True


def _note(reference: Reference, error: AppctlError) -> None:
    logger.info("mirror %s: %s: %s", reference.name, error.name, error.message)
