# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The names that the store takes from outside, and what they must look like; pure.

Guarantees: what passes here is one path component (or a ref made of such), never `.`, `..`, hidden or empty.
The daemon checked all of it before; the store checks again and fails closed. Hex digits that we computed are
the only other thing that ever names a file.
"""

import re

from appctld.errors import Failed
from appctld.model.appid import ID_LENGTH, ID_PATTERN
from appctld.model.remotename import REMOTE_NAME

_HEX = r"[0-9a-f]{64}"
_QUARANTINE = r"[0-9a-f]{8,64}"
_DEPLOYMENT = r"[0-9a-f]{12}\.[0-9]{1,9}"

_BLOBS_PATTERN = re.compile(rf"{REMOTE_NAME}(?:\.login)?")
_CHECKSUM_PATTERN = re.compile(_HEX)
_ID = re.compile(ID_PATTERN)
_DEPLOYMENT_PATTERN = re.compile(_DEPLOYMENT)
_QUARANTINE_PATTERN = re.compile(_QUARANTINE)
_LAYER_REF = re.compile(f"appctl/layer/{REMOTE_NAME}/{_HEX}")
_OSTREE_REF = re.compile(f"appctl/ostree/{REMOTE_NAME}/{_HEX}")
_COMMIT_REF = re.compile(f"appctl/commit/{REMOTE_NAME}/{_HEX}")
_APP_REF = re.compile(f"appctl/app/{REMOTE_NAME}/{ID_PATTERN}/{_DEPLOYMENT}")


def check_checksum(text: str) -> str:
    """Give back an object's checksum, or the hex digits of a digest; anything else is `Failed`."""
    return _check(_CHECKSUM_PATTERN, text, "a checksum")


def check_id(text: str) -> str:
    """Give back an app's ID (the pattern of docs/rules.md, "Names"); anything else is `Failed`."""
    if len(text) > ID_LENGTH:
        raise Failed(f"an ID of more than {ID_LENGTH} characters reached the store")
    return _check(_ID, text, "an ID")


def is_id(text: str) -> bool:
    """Whether a directory of this name may be an app's."""
    return len(text) <= ID_LENGTH and _ID.fullmatch(text) is not None


def check_deployment(text: str) -> str:
    """Give back a deployment's name, `<12 hex of the commit>.<n>`; anything else is `Failed`."""
    return _check(_DEPLOYMENT_PATTERN, text, "a deployment")


def is_deployment(text: str) -> bool:
    """Whether a directory of this name may be a deployment."""
    return _DEPLOYMENT_PATTERN.fullmatch(text) is not None


def check_quarantine(text: str) -> str:
    """Give back the name of a quarantine, 8 to 64 random hex digits; anything else is `Failed`."""
    return _check(_QUARANTINE_PATTERN, text, "a quarantine")


def is_blob_directory(text: str) -> bool:
    """Whether a directory of this name holds the blobs of one remote, or those that it gave for a login."""
    return _BLOBS_PATTERN.fullmatch(text) is not None


def check_layer_ref(text: str) -> str:
    """Give back `appctl/layer/REMOTE/<diffID hex>`; anything else is `Failed`."""
    return _check(_LAYER_REF, text, "a layer's ref")


def check_ostree_ref(text: str) -> str:
    """Give back `appctl/ostree/REMOTE/<diffID hex>`, a layer of objects; anything else is `Failed`."""
    return _check(_OSTREE_REF, text, "a layer's ref")


def check_any_layer_ref(text: str) -> str:
    """Give back a layer's ref, however it was read; anything else is `Failed`."""
    return check_ostree_ref(text) if text.startswith("appctl/ostree/") else check_layer_ref(text)


def check_commit_ref(text: str) -> str:
    """Give back `appctl/commit/REMOTE/<commit hex>`; anything else is `Failed`."""
    return _check(_COMMIT_REF, text, "a commit's ref")


def check_app_ref(text: str) -> str:
    """Give back `appctl/app/REMOTE/ID/DEPLOYMENT`; anything else is `Failed`."""
    return _check(_APP_REF, text, "an app's ref")


def check_ref(text: str) -> str:
    """Give back a ref of one of the four kinds; anything else is `Failed`."""
    kind = text.split("/")[1:2]
    return _KINDS.get("".join(kind), check_app_ref)(text)


_KINDS = {"layer": check_layer_ref, "ostree": check_ostree_ref, "commit": check_commit_ref}


def _check(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise Failed(f"{text[:80]!r} is not the name of {what}")
    return text
