# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a flatpak index server lists: which image of a registry is said to be which ref of flatpak.

Pure. Nobody signed such a list, so it only names candidates: an image that it leads to must be signed, and be
that ref by its own label (docs/rules.md, R1). Guarantees: counts and lengths are bounded, a candidate is for
Linux and the architecture that was asked for, its name and tag have the grammar of references. An entry that
carries no label with a ref, or is not understood, is no candidate: it hides no other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from appctld.errors import BadManifest, InvalidReference, LimitExceeded, Refused
from appctld.model.digest import Digest
from appctld.model.flatpak.labels import REF
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.jsonvalue import (
    JsonError,
    JsonObject,
    get_object,
    get_objects,
    get_str,
    get_strings,
    parse_object,
)
from appctld.model.reference import parse_reference

INDEX_BYTES = 32 << 20  # a distribution's own has a few MiB, most of it icons in labels
OFFERS = 256  # candidates for one question; a runtime has some ten extensions
WANTED = 256  # an image has at most 128 extension points
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One ref; with `below` also each that has more behind its name and a dot."""

    ref: FlatpakRef
    below: bool = False

    def matches(self, ref: FlatpakRef) -> bool:
        """Whether that is wanted."""
        if ref == self.ref:
            return True
        same = (ref.kind, ref.arch, ref.branch) == (self.ref.kind, self.ref.arch, self.ref.branch)
        return self.below and same and ref.name.startswith(f"{self.ref.name}.")

    def to_json(self) -> JsonObject:
        """As it is asked of a fetcher."""
        return {"ref": str(self.ref), "below": self.below}

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError, BadManifest."""
        return cls(parse_ref(get_str(obj, "ref")), obj.get("below") is True)


@dataclass(frozen=True, slots=True)
class Offer:
    """A candidate: `name` is its repository, `tag` empty where the list has none that is one."""

    ref: FlatpakRef
    name: str
    tag: str
    digest: Digest

    def to_json(self) -> JsonObject:
        """As a fetcher answers."""
        return {"ref": str(self.ref), "name": self.name, "tag": self.tag, "digest": str(self.digest)}

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read it back. Raises JsonError, BadManifest."""
        digest = Digest.parse(get_str(obj, "digest"))
        return cls(parse_ref(get_str(obj, "ref")), get_str(obj, "name"), get_str(obj, "tag"), digest)


@dataclass(frozen=True, slots=True)
class FlatpakIndex:
    """`registry` is where the images lie: a URL, mostly relative to the list's own."""

    registry: str
    offers: tuple[Offer, ...]


def index_query(architecture: str) -> str:
    """What is asked of an index server, behind its URL (flatpak's own words and order)."""
    return "index/static?" + urlencode(
        {f"label:{REF}:exists": "1", "architecture": architecture, "os": "linux", "tag": LATEST}
    )


def parse_index(data: bytes, wanted: tuple[Wanted, ...], architecture: str) -> FlatpakIndex:
    """The candidates among the entries of a list. Raises BadManifest, LimitExceeded."""
    if len(data) > INDEX_BYTES:
        raise LimitExceeded(f"an index of {len(data)} bytes", limit=INDEX_BYTES)
    try:
        document = parse_object(data, len(data))
        registry, results = get_str(document, "Registry"), get_objects(document, "Results")
    except JsonError as error:
        raise BadManifest(f"what the index server lists cannot be read: {error}") from error
    offers: dict[Offer, None] = {}
    for offer in (offer for result in results for offer in _offers(result, architecture)):
        if any(one.matches(offer.ref) for one in wanted):
            offers[offer] = None
        if len(offers) > OFFERS:
            raise LimitExceeded(f"more than {OFFERS} candidates in an index", limit=OFFERS)
    return FlatpakIndex(registry, tuple(offers))


def _offers(result: JsonObject, architecture: str) -> Iterator[Offer]:
    for name, image, named in images_of(result):
        offer = offer_of(name, image, named, architecture)
        if offer is not None:
            yield offer


def images_of(result: JsonObject) -> list[tuple[str, JsonObject, JsonObject]]:
    """Of one repository its name and its images, and those behind a list of several platforms.

    With each is what names it: itself, or the list.
    """
    try:
        name = get_str(result, "Name")
        images = [(name, image, image) for image in get_objects(result, "Images", [])]
        lists = get_objects(result, "Lists", [])
        return images + [
            (name, image, several) for several in lists for image in get_objects(several, "Images", [])
        ]
    except JsonError:
        return []


def offer_of(name: str, image: JsonObject, named: JsonObject, architecture: str) -> Offer | None:
    """What an image of a list is said to be; None where it is for another machine, or is not understood."""
    try:
        if (get_str(image, "OS"), get_str(image, "Architecture")) != ("linux", architecture):
            return None
        ref = parse_ref(str(get_object(image, "Labels", {}).get(REF, "")))
        digest = Digest.parse(get_str(named, "Digest"))
        parse_reference(f"localhost/{name}@{digest}")
        return Offer(ref, name, _tag(name, get_strings(named, "Tags", []), ref), digest)
    except (JsonError, InvalidReference, Refused):
        return None


def _tag(name: str, tags: list[str], ref: FlatpakRef) -> str:
    """Its branch's own, which moves with it; else the one that was asked for; else any, always the same."""
    found = sorted(tag for tag in tags if _is_tag(name, tag))
    order: Mapping[str, int] = {ref.branch: 0, LATEST: 1}
    return min(found, key=lambda tag: (order.get(tag, len(order)), tag), default="")


def _is_tag(name: str, tag: str) -> bool:
    try:
        parse_reference(f"localhost/{name}:{tag}")
    except InvalidReference:
        return False
    return True
