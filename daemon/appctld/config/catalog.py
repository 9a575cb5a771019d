# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a remote's list of apps is called: the `catalog` setting, and the reference that it makes.

Pure. Guarantees: the reference lies right below the remote's own prefix (by its place a publisher's tools
know what it may list), and is a tag: a catalogue that is named by its digest would be the same for ever.
"""

from appctld.config.urls import Prefix
from appctld.errors import InvalidReference
from appctld.model.reference import Reference, parse_reference

CATALOG = "appctl-catalog:latest"  # what `appctl publish --catalog` writes
_WORDS = {"yes": CATALOG, "no": ""}


def read_catalog(value: str) -> str:
    """`NAME:TAG` below the prefix; empty for none. Raises InvalidReference."""
    if value in _WORDS:
        return _WORDS[value]
    try:
        reference = parse_reference(f"localhost/{value}")
    except InvalidReference as error:
        raise InvalidReference(f"catalog={value[:80]}: it is yes, no, or NAME[:TAG] of an image") from error
    if "/" in reference.repository:
        raise InvalidReference(f"catalog={value[:80]}: it lies right below the prefix, a name without /")
    if reference.pinned:
        raise InvalidReference(f"catalog={value[:80]}: a catalogue is named by a tag, not by its digest")
    return f"{reference.repository}:{reference.tag}"


def catalog_reference(prefix: Prefix, catalog: str) -> Reference:
    """The image of that name below a prefix. Raises InvalidReference where the whole is too long for one."""
    return parse_reference(f"{prefix}/{catalog}")
