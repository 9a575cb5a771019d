# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people type for an image, and whether an installed one is meant.

The daemon reads references; here they are only compared, and never made into anything that is fetched.
"""

import re
from collections.abc import Callable, Iterable

from appctl.talk.wire import Json, get_object, get_str

_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_REF = re.compile(rf"[a-z][a-z0-9_-]{{0,63}}:{_PART}(?:/{_PART})*")
_SCHEME = re.compile(r"^[a-z+]+://")


def is_host(text: str) -> bool:
    """Whether a reference's first component is a host and not a remote's name (docs/rules.md, "Names")."""
    return "." in text or ":" in text or text == "localhost"


def names_a_remote(text: str) -> bool:
    """Whether a text is `REMOTE/REST`."""
    first, slash, _ = text.partition("/")
    return bool(slash) and not is_host(first)


def names_a_ref(reference: str) -> bool:
    """Whether a whole reference is `REMOTE:REF`, of an OSTree repository: no image's is written so."""
    return bool(_REF.fullmatch(reference)) and not reference.startswith("localhost:")


def may_be_a_ref(text: str, remotes: Callable[[], Iterable[Json]]) -> bool:
    """Whether what a person typed is `REMOTE:REF`: where it could be a host with a port, the remotes say."""
    name, _, rest = text.partition(":")
    if not names_a_ref(text) or not rest.partition("/")[0].isdigit():
        return names_a_ref(text)
    kinds = {get_str(remote, "Name"): get_str(remote, "Url") for remote in remotes()}
    return kinds.get(name, "").startswith("ostree")


def lies_here(text: str, remotes: Callable[[], Iterable[Json]]) -> bool:
    """Whether `REMOTE/REST` is of a remote whose images lie in a directory of this machine."""
    first = text.partition("/")[0]
    return names_a_remote(text) and any(
        get_str(get_object(remote, "Settings"), "kind") == "layout"
        for remote in remotes()
        if get_str(remote, "Name") == first
    )


def expand(text: str, remotes: Iterable[Json]) -> str:
    """Write `REMOTE/REST` out with that remote's prefix; anything else stays as it is."""
    first, _, rest = text.partition("/")
    for remote in remotes:
        if names_a_remote(text) and get_str(remote, "Name") == first:
            named = get_str(get_object(remote, "Settings"), "prefix")  # a directory's; else it is the URL
            return f"{named or _SCHEME.sub('', get_str(remote, 'Url')).strip('/')}/{rest}"
    return text


def means(text: str, reference: str) -> bool:
    """Whether a text names an installed image: its reference, without `:latest`, or without the digest.

    A repository alone also means what is installed from it by digest.
    """
    named, at, _ = reference.partition("@")
    return text in {reference, reference.removesuffix(":latest")} or (
        bool(at) and text in {named, named.removesuffix(":latest"), _repository(named)}
    )


def endings(reference: str) -> set[str]:
    """Return what a reference ends with: `/acme/editor:1`, `/editor:1`; those of `:latest` also without."""
    whole = {reference, reference.removesuffix(":latest")}
    return {text[place:] for text in whole for place, letter in enumerate(text) if letter == "/"}


def apart(before: str, after: str) -> tuple[str, str]:
    """Return what two references of one app differ in: `:stable` and `:beta` of one repository."""
    tails = [text[len(_repository(text.partition("@")[0])) :] for text in (before, after)]
    heads = {text.removesuffix(tail) for text, tail in zip((before, after), tails, strict=True)}
    if names_a_ref(after) or len(heads) != 1 or not all(tails):
        return before, after
    return tails[0], tails[1]


def _repository(name: str) -> str:
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name
