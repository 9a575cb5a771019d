# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which signatures an image has, of which kind, and whether they name it as it is called.

No key is asked: whether they count, whoever installs says with the publisher's key in hand.
"""

import json

from appctld.errors import AppctlError, Transport
from appctld.model.digest import Digest
from appctld.model.reference import Reference
from appctld.workers.fetch.attachments import Attached, collect
from appctld.workers.fetch.source import Source
from appctld.workers.images.sources import Opened
from appctld.workers.lint.findings import Findings


def check_signatures(opened: Opened, digests: list[Digest], reference: Reference, found: Findings) -> None:
    """Look at those of an index and of a manifest: one of them suffices."""
    simple, attached, places = 0, list[Attached](), list[str]()
    for digest in digests:
        blobs, asked = opened.simple_signatures(reference, digest)
        simple += blobs
        theirs, looked_at = _attached(opened.source_of(reference), digest)
        attached += theirs
        places += [*asked, *looked_at]
    if not simple and not attached:
        found.add("not-signed", str(reference), f"no signature; looked at {', '.join(places) or 'nothing'}")
    if simple:
        found.add("signed", str(reference), f"{simple} by OpenPGP (simple signing)")
    for one in attached:
        _judge(one, reference, found)


def _attached(source: Source, digest: Digest) -> tuple[list[Attached], list[str]]:
    try:
        result = collect(source, digest)
    except Transport:
        raise  # the network failed, and says nothing about the image
    except AppctlError as error:
        return [], [str(error)]
    return result.attached, result.looked_at


def _judge(one: Attached, reference: Reference, found: Findings) -> None:
    if one.identity:
        found.add("keyless", str(reference), f"signed without a key ({one.identity}), which does not count")
        return
    named = _named(one)
    if named == str(reference):
        found.add("signed", str(reference), "by cosign, with a key")
    elif named and named == reference.name:
        found.add("tag-not-bound", str(reference), "the signature by cosign names the repository, and no tag")
    elif named:
        found.add("other-identity", str(reference), f"the signature by cosign is for {named[:200]}")
    else:
        found.add("other-identity", str(reference), "the signature by cosign names no image")


def _named(one: Attached) -> str:
    """The identity in a payload that nobody verified; empty where there is none."""
    try:
        critical = json.loads(one.signed)["critical"]
        return str(critical["identity"]["docker-reference"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
