# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who grants what an image asks for: whoever gives back the hash of the very set that was shown, nobody else.

Whether that is so pipeline/admission/approval.py says, of what a label shows before the download and of
what only a file in the tree tells. Here is what the caller gave back, and what is told of what waits.
"""

from collections.abc import Iterable

from appctld.errors import NeedsApproval
from appctld.jobs.requests import AnyRequest, texts
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.permissions import Permission, permissions_hash, read_back
from appctld.pipeline.admission.approval import check_asked, unapproved
from appctld.pipeline.plans import Plan
from appctld.state.available import Available


def accepted(request: AnyRequest) -> frozenset[str]:
    """The hashes of the sets that the caller was shown and accepts: a text, or for several apps a list."""
    given = request.options.get("accept-permissions")
    return frozenset([given] if isinstance(given, str) and given else texts(request, "accept-permissions"))


def check_approved(planned: Plan, request: AnyRequest, approved: Iterable[Permission] = ()) -> None:
    """Raise NeedsApproval for what the label shows and nobody approved."""
    check_asked(planned, planned.permissions, approved, accepted(request))


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


def asked_set(error: NeedsApproval) -> JsonObject:
    """The whole set that an image asks for, as a preview has it, by the error that it led to."""
    asked: list[Json] = [one.to_json() for one in _permissions(error.data.get("asked"))]
    return {"permissions": asked, "permissions-hash": str(error.data.get("permissions_hash", ""))}


def asks_newly(error: NeedsApproval) -> tuple[Permission, ...]:
    """What of it nobody approved."""
    return _permissions(error.data.get("permissions"))


def _permissions(texts_: object) -> tuple[Permission, ...]:
    words = texts_ if isinstance(texts_, list) else []
    return tuple(read_back(*str(word).split("=", 1)) for word in words)
