# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a caller gives back who accepts a set of permissions."""

from appctld.model.permissions import parse_permission, permissions_hash


def hash_of(*words: str) -> str:
    """The permissions-hash of a set, each KIND=VALUE."""
    return permissions_hash(tuple(parse_permission(*word.split("=", 1)) for word in words))


def accepting(*words: str) -> dict[str, object]:
    """The option that grants exactly that set."""
    return {"accept-permissions": hash_of(*words)}
