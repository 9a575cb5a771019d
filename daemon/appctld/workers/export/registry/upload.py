# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One blob on its way into a repository (distribution-spec, "Pushing blobs").

Guarantees: a blob is finished only after its last byte was compared with its digest here; what a connection
took along when it broke is asked for, and sent once. A small blob goes in one request, a large one by pieces
that are held in memory, so that a piece can be sent again. An upload that the registry forgot is begun again.
"""

import re
from collections.abc import Iterable, Iterator
from time import sleep
from typing import NamedTuple
from urllib.parse import urlencode

from appctld.errors import RegistryUnavailable
from appctld.model.manifest import Descriptor
from appctld.workers.export.destination import Content, checked
from appctld.workers.export.registry.api import Api
from appctld.workers.export.registry.kept import KeptUploads
from appctld.workers.fetch.http.answer import Answer
from appctld.workers.fetch.http.redirects import next_hop
from appctld.workers.net.address import Url

PIECE_BYTES = (
    8 << 20
)  # above the least that storage behind registries takes (5 MiB), and small enough to hold
TIMES = 4  # that a piece is sent, or an upload begun: a line that breaks more often is no line
PAUSE_SECONDS = 0.5  # doubled each time
_CREATED, _ACCEPTED, _NO_CONTENT = 201, 202, 204
_FORGOTTEN = frozenset({400, 404, 410, 416})  # what registries say of an upload that they do not go on with
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")
_BYTES = "application/octet-stream"


class _Forgotten(Exception):
    """The registry does not know the upload any more, or has other bytes of it than were sent."""


class _Place(NamedTuple):
    """Where an upload goes on: its address, and how much the registry has."""

    url: Url
    offset: int


class Uploads:
    """The uploads of one repository."""

    def __init__(self, api: Api, kept: KeptUploads) -> None:
        self._api = api
        self._kept = kept
        self._open: dict[str, Url] = {}

    def mount(self, blob: Descriptor, source: str) -> bool:
        """Whether the registry took the blob over from another of its repositories."""
        query = urlencode({"mount": str(blob.digest), "from": source})
        url = self._api.endpoint.url(f"blobs/uploads/?{query}")
        with self._api.write("POST", url, {"Content-Length": "0"}) as answer:
            if answer.status == _CREATED:
                return True
            if answer.status == _ACCEPTED:  # it began an upload instead, which is the next one
                self._open[blob.digest.hex] = _location(answer)
            return False

    def put(self, blob: Descriptor, content: Content) -> None:
        """Bring a blob there. Raises DigestMismatch, RegistryAuth, or another leaf of Transport."""
        for _ in range(TIMES):
            try:
                self._put(blob, content)
            except _Forgotten:
                self._kept.forget(blob.digest)
            else:
                return
        host = self._api.endpoint.registry.netloc
        raise RegistryUnavailable(f"{host} forgets the upload of {blob.digest} again and again", host=host)

    def _put(self, blob: Descriptor, content: Content) -> None:
        place = self._resumed(blob) or self._begun(blob)
        pieces = _pieces(_behind(checked(blob, content()), place.offset))
        piece, following = next(pieces, b""), next(pieces, None)
        while following is not None:
            place = self._send(place, piece, blob)
            piece, following = following, next(pieces, None)
        self._finish(place, piece, blob)
        self._kept.forget(blob.digest)

    # --- one request each ---------------------------------------------------------------------------------

    def _resumed(self, blob: Descriptor) -> _Place | None:
        """Where an earlier run was broken off, if the registry remembers."""
        url = self._kept.take(blob.digest)
        try:
            place = self._asked(url) if url is not None else None
        except _Forgotten:
            return None
        return place if place is not None and place.offset <= blob.size else None

    def _begun(self, blob: Descriptor) -> _Place:
        if url := self._open.pop(blob.digest.hex, None):
            return _Place(url, 0)
        url = self._api.endpoint.url("blobs/uploads/")
        with self._api.write("POST", url, {"Content-Length": "0"}) as answer:
            if answer.status != _ACCEPTED:
                raise self._api.refused(answer)
            return _Place(_location(answer), 0)

    def _asked(self, url: Url) -> _Place:
        """What the registry says of an upload."""
        with self._api.look("GET", url) as answer:
            if answer.status in _FORGOTTEN:
                raise _Forgotten
            if answer.status != _NO_CONTENT:
                raise self._api.refused(answer)
            return _Place(_location(answer), _received(answer))

    def _send(self, place: _Place, piece: bytes, blob: Descriptor) -> _Place:
        """Send a piece, and again what of it did not arrive."""
        start, end = place.offset, place.offset + len(piece)
        for again in range(TIMES):
            rest = piece[place.offset - start :]
            try:
                place = self._sent(place, rest)
            except RegistryUnavailable:
                if again + 1 == TIMES:
                    raise
                sleep(PAUSE_SECONDS * 2**again)
                place = self._asked(place.url)
            self._kept.keep(blob.digest, place.url)
            if place.offset == end:
                return place
            if not start <= place.offset < end:
                raise _Forgotten
        raise _Forgotten

    def _sent(self, place: _Place, rest: bytes) -> _Place:
        last = place.offset + len(rest) - 1
        headers = {"Content-Type": _BYTES, "Content-Range": f"{place.offset}-{last}"}
        with self._api.write("PATCH", place.url, headers, rest) as answer:
            if answer.status == _ACCEPTED:
                return _Place(_location(answer), _received(answer))
            if answer.status in _FORGOTTEN:
                return self._asked(place.url)
            raise self._api.refused(answer)

    def _finish(self, place: _Place, rest: bytes, blob: Descriptor) -> None:
        """The last piece, with the digest that the whole must have."""
        mark = "&" if "?" in place.url.target else "?"
        url = Url(place.url.origin, f"{place.url.target}{mark}{urlencode({'digest': str(blob.digest)})}")
        headers = {"Content-Type": _BYTES}
        if place.offset and rest:
            headers["Content-Range"] = f"{place.offset}-{place.offset + len(rest) - 1}"
        with self._api.write("PUT", url, headers, rest) as answer:
            if answer.status in _FORGOTTEN and place.offset:
                raise _Forgotten
            if answer.status not in {_CREATED, _NO_CONTENT}:
                raise self._api.refused(answer)


def _location(answer: Answer) -> Url:
    """Where an upload goes on. Raises CredentialScope, RegistryUnavailable."""
    return next_hop(answer.url, answer.header("Location"))


def _received(answer: Answer) -> int:
    """How many bytes a registry says it has; `0-0` is how registries say none."""
    found = _RANGE.fullmatch(answer.header("Range"))
    last = int(found[1]) if found else 0
    return last + 1 if last else 0


def _behind(pieces: Iterable[bytes], offset: int) -> Iterator[bytes]:
    """What is left after so many bytes; those are read all the same, for the digest."""
    for piece in pieces:
        if rest := piece[offset:]:
            yield rest
        offset = max(0, offset - len(piece))


def _pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one size, the last one smaller."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) > PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)
