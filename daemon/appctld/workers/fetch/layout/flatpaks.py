# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which of a layout's images are said to be which refs of flatpak: what an index server says of a registry.

By the label in the image's config; the entry's name says under which reference it is found, if that is no ref
of flatpak itself, as `flatpak build-bundle --oci` writes it. Nothing of it counts as signed: it names
candidates. An image that cannot be read, or is only named here, is none, and hides no other.
"""

from appctld.errors import AppctlError, BadManifest
from appctld.model.flatpak.index import OFFERS, Offer, Wanted
from appctld.model.flatpak.labels import REF
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.image import CONFIG_BYTES, parse_config
from appctld.model.manifest import Index, Platform, choose, parse_document
from appctld.model.reference import looks_like_host, parse_reference
from appctld.workers.fetch.layout.index import Entry
from appctld.workers.fetch.layout.naming import Place
from appctld.workers.fetch.layout.repository import LayoutRepository

LOOKED_INTO = 512  # images whose config is read; a medium for machines without a network has some dozens


def offers(
    repository: LayoutRepository, place: Place, wanted: tuple[Wanted, ...], architecture: str
) -> tuple[Offer, ...]:
    """The candidates, by the digests that the layout's index has."""
    platform = Platform("linux", architecture)
    found = (_offer(repository, entry, place, platform) for entry in repository.images[:LOOKED_INTO])
    return tuple(one for one in found if one and any(want.matches(one.ref) for want in wanted))[:OFFERS]


def _offer(repository: LayoutRepository, entry: Entry, place: Place, platform: Platform) -> Offer | None:
    try:
        ref = parse_ref(_label(repository, entry, platform))
        name, tag = _place_of(entry.name, ref, place)
        parse_reference(f"{place.host}/{name}@{entry.digest}")
        return Offer(ref, name, tag, entry.digest)
    except AppctlError:
        return None


def _is_ref(name: str) -> bool:
    try:
        parse_ref(name)
    except BadManifest:
        return False
    return True


def _label(repository: LayoutRepository, entry: Entry, platform: Platform) -> str:
    """The ref in the config of the image that an entry has for this platform."""
    raw, media_type = repository.manifest(str(entry.digest))
    document = parse_document(raw, media_type)
    if isinstance(document, Index):
        raw, media_type = repository.manifest(str(choose(document, platform).digest))
        document = parse_document(raw, media_type)
    if isinstance(document, Index):
        raise BadManifest("an index that names an index")
    with repository.blob(document.config.digest, document.config.size) as blob:
        return parse_config(blob.read(CONFIG_BYTES)).label(REF) or ""


def _place_of(name: str, ref: FlatpakRef, place: Place) -> tuple[str, str]:
    """Repository and tag that lead to an entry of that name (naming.py); no tag where a digest alone does."""
    host, slash, rest = name.partition("/")
    whole = bool(slash) and host == place.host
    if not name or _is_ref(name) or (slash and looks_like_host(host) and not whole):
        return _below(ref.name.lower(), place), ""
    repository, colon, tag = (rest if whole else name).rpartition(":")
    if not colon:
        return _below(ref.name.lower(), place), tag
    return repository if whole else _below(repository, place), tag


def _below(name: str, place: Place) -> str:
    return f"{place.prefix}/{name}" if place.prefix else name
