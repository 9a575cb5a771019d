# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a person types to name a commit of an OSTree remote: `NAME:REF`.

Pure. Guarantees: every part of a ref is the name of a file or directory, never `.`, `..`, hidden, or what a
program would take for an option; the whole is never what libostree takes for a commit. Canonical texts of the
two kinds of reference are never the same: behind its first colon a `NAME:REF` holds neither `:` nor `@`, and
an image's always does. Whether a remote has that name is the config room's.
"""

import re
from dataclasses import dataclass

from appctld.model.appid import checked_id, id_part
from appctld.model.reference import Reference, parse_reference
from appctld.model.remotename import REMOTE_NAME

REF_LENGTH = 255  # characters; flatpak's longest are about 150, and a file name has no more
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_REF = re.compile(rf"(?![0-9a-f]{{64}}\Z){_PART}(?:/{_PART})*")
_NAME = re.compile(REMOTE_NAME)


@dataclass(frozen=True, slots=True)
class OstreeRef:
    """One branch of one remote's repository. It can move, so nothing that it names is ever pinned."""

    remote: str
    ref: str

    @property
    def name(self) -> str:
        """What an app is installed from, whatever version it is: the whole of it."""
        return str(self)

    @property
    def pinned(self) -> bool:
        """See `Reference.pinned`."""
        return False

    def __str__(self) -> str:
        return f"{self.remote}:{self.ref}"


AnyReference = Reference | OstreeRef


def split_ref(text: str) -> OstreeRef | None:
    """What `text` is if a remote of that name is an OSTree repository; None if it has another form.

    Refs are libostree's (ostree_validate_rev), and stricter about the first characters of their parts.
    """
    name, _, ref = text.partition(":")
    if not _NAME.fullmatch(name) or name == "localhost":
        return None
    return OstreeRef(name, ref) if len(ref) <= REF_LENGTH and _REF.fullmatch(ref) else None


def parse_canonical(text: str) -> AnyReference:
    """Read back what `str()` of either kind wrote. Raises InvalidReference."""
    return split_ref(text) or parse_reference(text)


def id_of_ref(reference: OstreeRef) -> str:
    """The ID of an app that names none: acme:app/my-tool/stable is local.acme.app.my_tool.stable.

    Raises BadManifest for one that is too long.
    """
    parts = [id_part(text) for text in ("local", reference.remote, *reference.ref.split("/"))]
    return checked_id(".".join(parts))
