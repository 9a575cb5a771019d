# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people type for an image, and whether an installed one is meant.

The daemon reads references; here they are only compared, and never made into anything that is fetched.
"""

import re
from collections.abc import Iterable

from appctl.talk.wire import Json, get_str

_SCHEME = re.compile(r"^[a-z+]+://")


def is_host(text: str) -> bool:
    """Whether a reference's first component is a host and not a remote's name (docs/rules.md, "Names")."""
    return "." in text or ":" in text or text == "localhost"


def names_a_remote(text: str) -> bool:
    """Whether a text is `REMOTE/REST`."""
    first, slash, _ = text.partition("/")
    return bool(slash) and not is_host(first)


def expand(text: str, remotes: Iterable[Json]) -> str:
    """Write `REMOTE/REST` out with that remote's prefix; anything else stays as it is."""
    first, _, rest = text.partition("/")
    for remote in remotes:
        if names_a_remote(text) and get_str(remote, "Name") == first:
            return f"{_SCHEME.sub('', get_str(remote, 'Url')).strip('/')}/{rest}"
    return text


def means(text: str, reference: str) -> bool:
    """Whether a text names an installed image: its reference, without `:latest`, or without the digest.

    A repository alone also means what is installed from it by digest.
    """
    named, at, _ = reference.partition("@")
    return text in {reference, reference.removesuffix(":latest")} or (
        bool(at) and text in {named, named.removesuffix(":latest"), _repository(named)}
    )


def _repository(name: str) -> str:
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name
