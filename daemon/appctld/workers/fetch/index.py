# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A registry's list of flatpak's refs, where flatpak's index servers have it: `<url>/index/static?…`.

Guarantees: no credential is ever sent there, the list is bounded, and what was asked is reported with the
status that it gave. A registry without one answers with an error, or with a page for people. Nobody believes
what it says: it names candidates (model/flatpak/index.py).
"""

from dataclasses import dataclass

from appctld.errors import BadManifest, NotFound
from appctld.model.flatpak.index import INDEX_BYTES, Offer, Wanted, index_query, parse_index
from appctld.workers.fetch.http.redirects import follow
from appctld.workers.fetch.http.session import Session
from appctld.workers.net.address import Url

ABSENT = frozenset({400, 401, 403, 404, 405, 406, 410, 501})  # registries' words for a place they do not know
_OK = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """The candidates, and for people where they were looked for.

    `registry` is a whole URL; empty where no index names one.
    """

    offers: tuple[Offer, ...]
    looked_at: str
    registry: str = ""


def look(session: Session, base: Url, wanted: tuple[Wanted, ...], architecture: str) -> Listed:
    """Ask the index server at `base`. Raises BadManifest, LimitExceeded, CredentialScope, Transport."""
    url = Url(base.origin, f"{base.target.rstrip('/')}/{index_query(architecture)}")
    data, said = _read(session, url)
    if data is None:
        return Listed((), said)
    index = parse_index(data, wanted, architecture)
    return Listed(index.offers, said, _registry(url, index.registry))


def read_whole(session: Session, base: Url, architecture: str) -> bytes:
    """All that the index server lists, as it says it. Raises NotFound, and as `look`."""
    url = Url(base.origin, f"{base.target.rstrip('/')}/{index_query(architecture)}")
    data, said = _read(session, url)
    if not data:
        raise NotFound(f"there is no list of flatpak's refs: {said}")
    return data


def _read(session: Session, url: Url) -> tuple[bytes | None, str]:
    """The document, if there is one, and what was found, in words."""
    with follow(session, url, {"Accept": "application/json"}, None) as answer:
        said = f"{url.shown} ({answer.status})"
        if answer.status in ABSENT:
            return None, said
        if answer.status != _OK:
            raise answer.unwanted()
        if answer.media_type.startswith("text/html"):
            return None, f"{url.shown} (a page, no index)"
        return answer.read(INDEX_BYTES), said


def _registry(url: Url, registry: str) -> str:
    """Where the images lie, as a whole address; the daemon says whether that may be."""
    try:
        return str(url.join(registry))
    except ValueError as error:
        raise BadManifest(f"{url.shown} names a registry that is no address") from error
