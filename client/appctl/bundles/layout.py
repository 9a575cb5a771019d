# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which files of an OCI layout one reference may need: enough for the daemon to choose, and not much more.

The whole index goes along, so the daemon chooses among all that is there; here whatever could be meant is
picked by the last component and the tag. What belongs to it goes along too: signatures beside it, and those
that are documents of their own. Digests and names are checked before they become paths.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from appctl.bundles.files import ANEW, Name, read, size_of
from appctl.failure import Failure
from appctl.talk.wire import Json, JsonValue, get_object, get_objects, get_str

INDEX_BYTES = 4 << 20  # of an index and of a manifest, as the daemon takes them
SIGNATURES = 32  # simple ones of a digest, likewise
NAME = "org.opencontainers.image.ref.name"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BESIDE = re.compile(r"(?:.*:)?sha256-([0-9a-f]{64})(?:\.[a-z]+)?")
_FLATPAK = re.compile(r"(?:app|runtime)/[^/]+/[^/]+/[^/]+")
_INDEXES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def pick(directory: Path, reference: str, *, layers: bool) -> list[Name]:
    """The files for a whole reference, in the order in which they are sent. Raises Failure."""
    found = _Layout(directory, layers=layers)
    images = found.meant(reference)
    if not images:
        there = ", ".join(sorted(filter(None, map(_name, found.entries)))[:8]) or "no image with a name"
        raise Failure("NotFound", f"{directory} has no {reference}; it has {there}", "give one that it has")
    for entry in images:
        found.take_image(entry)
    found.take_what_belongs()
    found.take_signatures(reference)
    return found.files()  # complete, or nothing is sent


class _Layout:
    """What was picked so far; `blobs` are layers and other large ones, `documents` all that is read first."""

    def __init__(self, directory: Path, *, layers: bool) -> None:
        self._directory, self._layers = directory, layers
        self.entries = get_objects(self._document(("index.json",)), "manifests")
        self._documents: dict[str, None] = {}
        self._blobs: dict[str, None] = {}
        self._signatures: list[Name] = []

    def meant(self, reference: str) -> list[Json]:
        """The entries that a reference could mean."""
        images = [entry for entry in self.entries if not _belongs(entry)]
        name, at, digest = reference.partition("@")
        if at:
            return [entry for entry in images if digest in {_digest(entry), *self._inside(entry)}]
        name, tag = _split(name)
        last = name.rpartition("/")[2]
        found = [entry for entry in images if _could_be(_name(entry), last, tag)]
        alone = images if len(images) == 1 and not _is_a_reference(_name(images[0])) else []
        return found or alone

    def take_image(self, entry: Json) -> None:
        """An image with its config, and its layers where they are wanted; of an index this machine's."""
        digest = _digest(entry)
        self._documents[digest] = None
        document = self._document(_blob(digest))
        if get_str(entry, "mediaType") in _INDEXES:
            for inner in filter(_is_for_us, get_objects(document, "manifests")):
                if get_str(inner, "mediaType") not in _INDEXES:
                    self.take_image(inner)
            return
        self._documents[_digest(get_object(document, "config"))] = None
        if self._layers:
            self._blobs |= dict.fromkeys(map(_digest, get_objects(document, "layers")))

    def take_what_belongs(self) -> None:
        """Documents that belong to what was taken, as they or their names say, and all that is in them."""
        images = {*self._documents}
        for entry in self.entries:
            if self._subject(entry) in images:
                self._take_whole(entry)

    def take_signatures(self, reference: str) -> None:
        """Simple signatures, which lie under the repository's name."""
        repository = _split(reference.partition("@")[0])[0].partition("/")[2]
        for digest in self._documents:
            above = ("lookaside", *f"{repository}@{digest.replace(':', '=')}".split("/"))
            for number in range(1, SIGNATURES + 1):
                name = (*above, f"signature-{number}")
                if ".." in above or size_of(self._directory, name) is None:
                    break
                self._signatures.append(name)

    def files(self) -> list[Name]:
        """All of them; documents first, so that whoever reads knows early. Raises Failure for one missing."""
        documents = [_blob(digest) for digest in self._documents]
        blobs = [_blob(digest) for digest in self._blobs if digest not in self._documents]
        names: list[Name] = [("oci-layout",), ("index.json",), *documents, *self._signatures, *blobs]
        for name in names:
            if size_of(self._directory, name) is None:
                raise Failure("NotFound", f"there is no {self._directory.joinpath(*name)}", ANEW)
        return names

    def _take_whole(self, entry: Json) -> None:
        """A document and everything that it names, to the second level: an index of referrers."""
        digest = _digest(entry)
        self._documents[digest] = None
        document = self._document(_blob(digest))
        parts = [*get_objects(document, "layers"), get_object(document, "config")]
        self._documents |= dict.fromkeys(map(_digest, filter(None, parts)))
        for inner in get_objects(document, "manifests") if get_str(entry, "mediaType") in _INDEXES else ():
            self._take_whole({**inner, "mediaType": ""})

    def _subject(self, entry: Json) -> str:
        """The digest of what an entry belongs to; empty for an image."""
        if beside := _BESIDE.fullmatch(_name(entry)):
            return f"sha256:{beside[1]}"
        name = _blob(_digest(entry))
        maybe = not _name(entry) or bool(get_str(entry, "artifactType"))
        if not maybe or size_of(self._directory, name) is None:  # a copy of a part of a directory
            return ""
        return get_str(get_object(self._document(name), "subject"), "digest")

    def _inside(self, entry: Json) -> Iterator[str]:
        """The digests that an entry's index names."""
        if get_str(entry, "mediaType") in _INDEXES:
            yield from map(_digest, get_objects(self._document(_blob(_digest(entry))), "manifests"))

    def _document(self, name: Name) -> Json:
        data = read(self._directory, name, INDEX_BYTES)
        try:
            value: JsonValue = json.loads(data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Failure("BadManifest", f"{self._directory.joinpath(*name)} is no JSON object", ANEW)
        return value


def _name(entry: Json) -> str:
    return get_str(get_object(entry, "annotations"), NAME)


def _digest(descriptor: Json) -> str:
    """A descriptor's digest, fit to be a path. Raises Failure."""
    digest = get_str(descriptor, "digest")
    if not _DIGEST.fullmatch(digest):
        raise Failure("BadManifest", f"{digest[:80]!a} is no digest", ANEW)
    return digest


def _blob(digest: str) -> Name:
    return ("blobs", "sha256", digest.removeprefix("sha256:"))


def _belongs(entry: Json) -> bool:
    return bool(get_str(entry, "artifactType")) or bool(_BESIDE.fullmatch(_name(entry)))


def _split(name: str) -> tuple[str, str]:
    """A reference's repository and its tag, `latest` where it has none."""
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, "latest")


def _could_be(name: str, last: str, tag: str) -> bool:
    return name == tag or f"/{name}".endswith(f"/{last}:{tag}")


def _is_a_reference(name: str) -> bool:
    """Whether a name says which image it is, so that it is no other."""
    return bool(name) and not _FLATPAK.fullmatch(name)


def _is_for_us(descriptor: Json) -> bool:
    """Whether an index's entry may be for this machine."""
    asked = get_str(get_object(descriptor, "platform"), "architecture")
    ours = _ARCHITECTURES.get(os.uname().machine, asked)
    return not asked or asked == ours
