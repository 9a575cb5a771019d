# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who grants what an image asks for: whoever gives back the hash of the very set that was shown, nobody else.

Guarantees: what nobody approved is not deployed; the error says what is new, and what to give back. That an
update which waits is the image that was shown, too, is update.py's to see.
"""

from collections.abc import Iterable

from appctld.errors import NeedsApproval
from appctld.jobs.requests import AnyRequest, texts
from appctld.model.permissions import Permission, permissions_hash
from appctld.pipeline.plans import Plan
from appctld.state.available import Available


def accepted(request: AnyRequest) -> frozenset[str]:
    """The hashes of the sets that the caller was shown and accepts: a text, or for several apps a list."""
    given = request.options.get("accept-permissions")
    return frozenset([given] if isinstance(given, str) and given else texts(request, "accept-permissions"))


def unapproved(asked: Iterable[Permission], approved: Iterable[Permission] = ()) -> tuple[Permission, ...]:
    """What of it is new: neither approved, nor less than what was."""
    known = tuple(approved)
    return tuple(permission for permission in asked if not permission.is_within(known))


def check_approved(planned: Plan, request: AnyRequest, approved: Iterable[Permission] = ()) -> None:
    """Raise NeedsApproval for what nobody approved, with what a caller must give back to grant it."""
    new, given = unapproved(planned.permissions, approved), accepted(request)
    if not new or permissions_hash(planned.permissions) in given:
        return
    wishes = [permission.text for permission in new]
    what = "asks for other permissions than were shown" if given else "asks for"
    error = NeedsApproval(f"the image {what}: {', '.join(wishes)}", permissions=wishes)
    error.about(
        app=planned.id,
        digest=str(planned.digest),
        update_version=planned.version,
        permissions_hash=permissions_hash(planned.permissions),
    )
    if planned.current:
        error.about(note=f"{planned.current.version} still runs.")
    raise error


def available(planned: Plan) -> Available:
    """What is remembered of an update that was found, and of what it newly asks for."""
    current = planned.current
    return Available(
        planned.id,
        planned.version,
        planned.bytes_to_download or 0,
        planned.digest,
        unapproved(planned.permissions, current.permissions if current else ()),
        permissions_hash(planned.permissions),
    )
