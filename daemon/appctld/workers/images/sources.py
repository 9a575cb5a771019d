# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where the images are that are to be examined: a layout in a directory or an archive, or a registry."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appctld.errors import AppctlError, Failed, InvalidReference
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.model.reference import Reference, parse_reference
from appctld.workers.fetch.endpoint import parse_endpoint, plain_url
from appctld.workers.fetch.http.session import Session
from appctld.workers.fetch.layout import lookaside as beside
from appctld.workers.fetch.layout.archive import Archive
from appctld.workers.fetch.layout.directory import Directory
from appctld.workers.fetch.layout.index import read_index
from appctld.workers.fetch.layout.member import Files
from appctld.workers.fetch.layout.naming import Place
from appctld.workers.fetch.layout.repository import LayoutRepository
from appctld.workers.fetch.lookaside import collect
from appctld.workers.fetch.registry import Registry
from appctld.workers.fetch.source import Source


@dataclass(frozen=True, slots=True)
class Named:
    """One image of a place: what it is called there, and what to ask its source for."""

    name: str
    wanted: str
    reference: Reference | None


class Opened(Protocol):
    """An open place."""

    def images(self) -> list[Named]:
        """What is there."""
        ...

    def source_of(self, reference: Reference | None) -> Source:
        """Whom to ask for manifests, blobs, and what is attached to them."""
        ...

    def simple_signatures(self, reference: Reference, digest: Digest) -> tuple[int, list[str]]:
        """How many there are, and where was looked."""
        ...


class LayoutPlace:
    """A layout; `called` is the one reference of an image that has no whole name."""

    def __init__(self, files: Files, called: str) -> None:
        self._files = files
        self._called = parse_reference(called) if called else None

    def images(self) -> list[Named]:
        """See `Opened.images`."""
        entries = [entry for entry in read_index(self._files) if entry.is_image]
        return [
            Named(entry.name or str(entry.digest), str(entry.digest), _whole(entry.name) or self._called)
            for entry in entries
        ]

    def source_of(self, reference: Reference | None) -> Source:
        """See `Opened.source_of`."""
        place = (
            Place(reference.host, reference.repository, "") if reference else Place("localhost", "any", "")
        )
        return LayoutRepository(self._files, place)

    def simple_signatures(self, reference: Reference, digest: Digest) -> tuple[int, list[str]]:
        """See `Opened.simple_signatures`."""
        found = beside.collect(self._files, reference.repository, digest)
        return len(found.blobs), [name for name, _ in found.looked_at[:1]]


class RegistryPlace:
    """One image of a registry."""

    def __init__(self, request: JsonObject, session: Session) -> None:
        self._reference = parse_reference(get_str(request, "reference"))
        self._session = session
        self._registry = Registry(parse_endpoint(request), session)
        self._lookaside = get_str(request, "lookaside", "")

    def images(self) -> list[Named]:
        """See `Opened.images`."""
        return [Named(str(self._reference), self._reference.target, self._reference)]

    def source_of(self, reference: Reference | None) -> Source:  # noqa: ARG002 - there is but one
        """See `Opened.source_of`."""
        return self._registry

    def simple_signatures(self, reference: Reference, digest: Digest) -> tuple[int, list[str]]:
        """See `Opened.simple_signatures`."""
        if not self._lookaside:
            return 0, ["no lookaside (none was given)"]
        url = plain_url(self._lookaside, "lookaside")
        found = collect(self._session, url, reference.repository, digest)
        return len(found.blobs), [f"{url} ({status})" for url, status in found.looked_at[:1]]


def opened(request: JsonObject) -> AbstractContextManager[Opened]:
    """The place that a request names, `{"kind": "directory" | "archive" | "registry", …}`."""
    kind = get_str(request, "kind")
    if kind == "directory":
        return _directory(request)
    if kind == "archive":
        return _archive(request)
    if kind == "registry":
        return _registry(request)
    raise InvalidReference("a place of a kind that is none")


@contextmanager
def _directory(request: JsonObject) -> Iterator[Opened]:
    yield LayoutPlace(Directory(Path(get_str(request, "path"))), get_str(request, "called", ""))


@contextmanager
def _archive(request: JsonObject) -> Iterator[Opened]:
    path = get_str(request, "path")
    with ExitStack() as stack:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise Failed(
                f"{path}: {error.strerror}", hint="is the path right, and may you read it?"
            ) from error
        stack.callback(os.close, descriptor)
        yield LayoutPlace(Archive(descriptor), get_str(request, "called", ""))


@contextmanager
def _registry(request: JsonObject) -> Iterator[Opened]:
    with Session(parse_endpoint(request)) as session:
        yield RegistryPlace(request, session)


def _whole(name: str) -> Reference | None:
    """What a name in a layout says, if that is a whole reference."""
    try:
        return parse_reference(name)
    except AppctlError:
        return None
