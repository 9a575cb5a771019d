# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What somebody decided about one permission of an app, whatever its image asks for: allow, or deny. Pure.

Guarantees: it is a permission that an image could be granted, in the one way of several in which it is shown
and compared; what no app is granted cannot be allowed either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from appctld.errors import BadManifest, InvalidReference, LimitExceeded, UnsupportedMediaType
from appctld.model.permissions import Permission, parse_permission

ALLOW, DENY = "allow", "deny"
OVERRIDES = 64  # of one app: more than there are words to grant
_HINT = "appctl help permissions"


@dataclass(frozen=True, slots=True)
class Override:
    """`decision` is ALLOW or DENY."""

    permission: Permission
    decision: str


def parse_overrides(rows: Sequence[Sequence[str]]) -> tuple[Override, ...]:
    """Rows of (kind, value, decision). Raises InvalidReference, LimitExceeded."""
    if len(rows) > OVERRIDES:
        raise LimitExceeded(f"{len(rows)} overrides, {OVERRIDES} are allowed")
    found: dict[tuple[str, str], Override] = {}
    for kind, value, decision in rows:
        override = parse_override(kind, value, decision)
        key = (override.permission.kind, override.permission.value)
        if found.setdefault(key, override) != override:
            raise InvalidReference(f"{kind}={value} is both allowed and denied", hint=_HINT)
    return tuple(found.values())


def parse_override(kind: str, value: str, decision: str) -> Override:
    """One of them. Raises InvalidReference."""
    if decision not in {ALLOW, DENY}:
        raise InvalidReference(f"{decision!r:.40} is neither allow nor deny", hint=_HINT)
    try:
        permission = parse_permission(kind, value)
    except (BadManifest, UnsupportedMediaType) as error:
        raise InvalidReference(
            f"{kind!a:.40}={value!a:.80} is no permission that an app can have", hint=_HINT
        ) from error
    if decision == DENY and permission.has_mode:
        raise InvalidReference(f"{kind}={value}: a place is denied as a whole, without a mode", hint=_HINT)
    return Override(permission, decision)
