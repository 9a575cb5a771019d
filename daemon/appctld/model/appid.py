# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Application IDs: the names of directories, refs and D-Bus objects, so their pattern is narrow."""

import re

from appctld.errors import BadManifest
from appctld.model.reference import Reference

ID_PATTERN = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*){2,}"
ID_LENGTH = 255  # a D-Bus name's limit, and a file name's
_ID = re.compile(ID_PATTERN)
_IP_OR_PORT = re.compile(r"\[.*|[0-9.]+|.*:[0-9]+")


def is_app_id(text: str) -> bool:
    """Whether `text` may be an application ID."""
    return len(text) <= ID_LENGTH and bool(_ID.fullmatch(text))


def checked_id(text: str) -> str:
    """`text`, if it may be an ID. Raises BadManifest."""
    if not is_app_id(text):
        raise BadManifest(f"{text[:80]!r} is no application ID (org.example.App)")
    return text


def id_of_reference(reference: Reference) -> str:
    """The ID of an image that names none: its reversed host and its path.

    quay.io/acme/my-tool is io.quay.acme.my_tool; 127.0.0.1:5000/x/y is local.h127_0_0_1_5000.x.y.
    """
    if _IP_OR_PORT.fullmatch(reference.host):
        host = ["local", "h" + reference.host]
    else:
        host = reference.host.split(".")[::-1]
        host = host if len(host) > 1 else ["local", *host]
    parts = [id_part(text) for text in (*host, *reference.repository.split("/"))]
    return checked_id(".".join(parts))


def id_part(text: str) -> str:
    """One part of an ID made of any text that is not empty."""
    safe = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return "_" + safe if safe[0].isdigit() else safe
