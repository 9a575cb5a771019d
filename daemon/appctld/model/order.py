# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where an image stands in time, and what was installed here before it: the values of R9.

Pure, and the same for images and for native commits: a `digest` is what a reference leads to (a manifest, a
commit), its `content` what stays the same however that is packed (a config, the commit again). The rules
stand in trust/order.py, the files in state/seen.py.
"""

from dataclasses import dataclass
from enum import StrEnum

from appctld.model.digest import Digest


class Teller(StrEnum):
    """Who tells when an image was made. Both are covered by what was signed; nothing else is asked."""

    CREATED = "created"  # the image itself: its config, or its commit
    SIGNATURE = "signature"  # who signed it
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Moment:
    """One image in the order of all: `time` in seconds since 1970, None where nobody tells one."""

    digest: Digest
    content: Digest
    time: int | None
    told_by: Teller


@dataclass(frozen=True, slots=True)
class Seen:
    """What was installed under one name: the newest, the one with the latest time, and all digests.

    `installed` holds the digest and the content of every one; it never gets shorter.
    """

    newest: Moment
    highest: Moment
    installed: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Under which names an image is seen: its reference on a platform, and its ID.

    Both belong to the remote's `prefix`, which outlives the remote's own name.
    """

    prefix: str
    reference: str
    platform: str
    id: str
