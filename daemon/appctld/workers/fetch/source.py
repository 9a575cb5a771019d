# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where a request's image is, a registry or a layout, as one thing to ask."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from appctld.model.digest import Digest
from appctld.model.flatpak.index import Wanted
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.workers.fetch.endpoint import parse_endpoint, plain_url
from appctld.workers.fetch.http.session import Session
from appctld.workers.fetch.index import Listed, look, read_whole
from appctld.workers.fetch.layout import lookaside as beside
from appctld.workers.fetch.layout.flatpaks import offers
from appctld.workers.fetch.layout.repository import LayoutRepository
from appctld.workers.fetch.layout.request import asks_for_layout, files_of, place_of, repository_of
from appctld.workers.fetch.lookaside import Found, collect
from appctld.workers.fetch.registry import Registry


class Bytes(Protocol):
    """What can be read to its end, and no further than its reader says."""

    def chunks(self, limit: int) -> Iterator[bytes]:
        """Piece by piece. Raises LimitExceeded instead of more than `limit` bytes."""
        ...


class Source(Protocol):
    """One repository of images. What it answers is believed by nobody."""

    def manifest(self, reference: str, limit: int = ...) -> tuple[bytes, str]:
        """The document that a tag or digest names, and its type. Raises NotFound, LimitExceeded."""
        ...

    def blob(self, digest: Digest, size: int) -> AbstractContextManager[Bytes]:
        """An open blob; what has another `size` is not looked at, where that costs. Raises NotFound."""
        ...

    def look(self, path: str, limit: int, absent: frozenset[int]) -> tuple[int, bytes]:
        """HTTP status and body of what may not be there: for a status of `absent` the body is empty."""
        ...


@contextmanager
def opened(request: JsonObject) -> Iterator[Source]:
    """The source that a request is about. Raises InvalidReference, BadManifest for what is no layout."""
    if asks_for_layout(request):
        with repository_of(request) as repository:
            yield repository
        return
    endpoint = parse_endpoint(request)
    with Session(endpoint) as session:
        yield Registry(endpoint, session)


def simple_signatures(request: JsonObject, digest: Digest) -> Found:
    """The simple signatures of a digest: in a layout those beside its images, else those of a lookaside."""
    if asks_for_layout(request):
        with files_of(request) as files:
            return beside.collect(files, place_of(request).repository, digest)
    endpoint = parse_endpoint(request)
    lookaside = plain_url(get_str(request, "lookaside"), "lookaside")
    with Session(endpoint) as session:
        return collect(session, lookaside, endpoint.repository, digest)


def candidates(request: JsonObject, wanted: tuple[Wanted, ...], architecture: str) -> Listed:
    """The images that are said to be what is wanted: by a layout itself, or by a registry's index server."""
    if asks_for_layout(request):
        with repository_of(request) as repository:
            found = (
                offers(repository, place_of(request), wanted, architecture)
                if isinstance(repository, LayoutRepository)
                else ()
            )
            return Listed(found, repository.where)
    endpoint, base = parse_endpoint(request), plain_url(get_str(request, "index"), "url")
    with Session(endpoint) as session:
        return look(session, base, wanted, architecture)


def whole_index(request: JsonObject, architecture: str) -> bytes:
    """All that a registry's index server lists. Raises NotFound."""
    endpoint, base = parse_endpoint(request), plain_url(get_str(request, "index"), "url")
    with Session(endpoint) as session:
        return read_whole(session, base, architecture)
