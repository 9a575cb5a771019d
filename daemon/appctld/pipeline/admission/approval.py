# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether somebody approved what an image asks for: with the image before it, or as the set that was shown.

Pure. Guarantees: what nobody approved raises NeedsApproval, which says what is new, and what to give back so
that exactly the whole set is approved.
"""

from collections.abc import Collection, Iterable

from appctld.errors import NeedsApproval
from appctld.model.permissions import Permission, permissions_hash
from appctld.pipeline.plans import Plan


def unapproved(asked: Iterable[Permission], approved: Iterable[Permission] = ()) -> tuple[Permission, ...]:
    """What of it is new: neither approved, nor less than what was."""
    known = tuple(approved)
    return tuple(permission for permission in asked if not permission.is_within(known))


def check_asked(
    planned: Plan,
    asked: tuple[Permission, ...],
    approved: Iterable[Permission],
    accepted: Collection[str],
    how: str = "asks for",
) -> None:
    """Raise NeedsApproval, unless all is `approved` or the hash of the set is among those `accepted`."""
    new, shown = unapproved(asked, approved), permissions_hash(asked)
    if not new or shown in accepted:
        return
    wishes = [permission.text for permission in new]
    what = f"{how} other permissions than were shown: " if accepted else f"{how} "
    error = NeedsApproval(f"the image {what}{', '.join(wishes)}", permissions=wishes)
    error.about(
        asked=[permission.text for permission in asked],
        app=planned.id,
        digest=str(planned.digest),
        update_version=planned.version,
        permissions_hash=shown,
    )
    if planned.current:
        error.about(note=f"{planned.current.version} still runs.")
    raise error
