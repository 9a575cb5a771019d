# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""From a source to an image of the form that was asked for.

Guarantees: nothing has left when this is done, and every object was hashed by then; the image is a function
of the commit and of what was asked. Leaves to others: signing it, and bringing it anywhere (publish.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from appctld.errors import BadManifest, InvalidReference
from appctld.model.flatpak.labels import FLATPAK_METADATA, INSTALLED_SIZE
from appctld.model.image import METADATA, VERSION
from appctld.model.manifest import Platform
from appctld.model.permissions import METADATA_BYTES, METADATA_FILES
from appctld.workers.export.image.packing import MADE_BY
from appctld.workers.export.publish.chunks import Chunk, by_map, by_size, whole
from appctld.workers.export.publish.contentmap import ContentMap
from appctld.workers.export.publish.forms import flatpak
from appctld.workers.export.publish.forms.plain import PlainForm
from appctld.workers.export.publish.forms.structured import StructuredForm
from appctld.workers.export.publish.image import Image, Said, make_image
from appctld.workers.export.publish.packing import Packed, Packer
from appctld.workers.export.publish.source.objects import content
from appctld.workers.export.publish.source.source import Source
from appctld.workers.export.publish.tree import Tree, read_tree

_NONE: Mapping[str, str] = MappingProxyType({})
_WRITTEN = "write it as flatpak does: [Application], name=, command="


@dataclass(frozen=True)
class Wanted:
    """What was asked for: `content` is a map, or None for chunks by size; it counts only with `chunked`."""

    form: str
    platform: Platform
    labels: Mapping[str, str]
    entrypoint: Sequence[str]
    chunked: bool
    content: ContentMap | None


class _Form(Protocol):
    def layer(self, chunk: Chunk, *, first: bool) -> Iterator[bytes]:
        """The tar of a chunk."""
        ...

    def annotations(self, chunk: Chunk) -> Mapping[str, str]:
        """What the manifest says of its layer."""
        ...


def make(source: Source, wanted: Wanted, packer: Packer) -> Image:
    """Make the image. Raises RepoCorrupt, UnsafeArchive, LimitExceeded, BadManifest, NoSpace."""
    tree = read_tree(source)
    match wanted.form:
        case "flatpak":
            return _flatpak(source, tree, wanted, packer)
        case "plain":
            layers = _layers(PlainForm(source, tree), source, tree, wanted, packer)
            return make_image(layers, _said(source, tree, wanted, layers))
        case "ostree":
            layers = _layers(StructuredForm(source, tree), source, tree, wanted, packer)
            return make_image(layers, _said(source, tree, wanted, layers, _commit_labels(source, layers)))
        case _:
            raise InvalidReference(f"an image of a form that is none: {wanted.form[:20]!r}")


def _layers(form: _Form, source: Source, tree: Tree, wanted: Wanted, packer: Packer) -> list[Packed]:
    return [
        packer.pack(form.layer(chunk, first=not number), chunk.name or MADE_BY, form.annotations(chunk))
        for number, chunk in enumerate(_chunks(source, tree, wanted))
    ]


def _chunks(source: Source, tree: Tree, wanted: Wanted) -> list[Chunk]:
    if not wanted.chunked:
        return whole(tree.files)
    if wanted.content is not None:
        return by_map(tree.files, wanted.content)
    return by_size({name: source.objects.file(name).size for name in tree.files})


def _flatpak(source: Source, tree: Tree, wanted: Wanted, packer: Packer) -> Image:
    said = source.before.flatpak or flatpak.labels(source.name, source.described)
    ref = flatpak.ref_of(said)
    metadata = said.get(FLATPAK_METADATA, "")
    if not metadata or metadata != _text(source, tree, "metadata"):
        raise BadManifest(
            "no commit of flatpak's: its metadata is not what it says of it", hint="without --flatpak"
        )
    (everything,) = whole(tree.files)
    layer = packer.pack(PlainForm(source, tree).layer(everything, first=True), MADE_BY)
    labels = {**source.before.labels, **wanted.labels, **said, flatpak.DOWNLOAD_SIZE: str(layer.size)}
    created = source.described.commit.timestamp
    return make_image([layer], Said(Platform("linux", ref.architecture), created, labels), str(ref))


def _said(
    source: Source, tree: Tree, wanted: Wanted, layers: Sequence[Packed], ours: Mapping[str, str] = _NONE
) -> Said:
    """`ours` say how to read the image: they stand in the manifest too, and nothing replaces them.

    Nor is another label than the tree's own file taken for its metadata: such an image would be refused.
    """
    text = source.described.text("version")
    version = {VERSION: text} if text else {}
    metadata = next(filter(None, (_text(source, tree, path) for path in METADATA_FILES)), "")
    size = {INSTALLED_SIZE: str(sum(layer.unpacked for layer in layers))}
    run, before = source.before.run, {**source.before.labels, **size}
    return Said(
        platform=wanted.platform,
        created=source.described.commit.timestamp,
        labels={**before, **version, **wanted.labels, **({METADATA: metadata} if metadata else {}), **ours},
        annotations={**ours, **version} if ours else {},
        run={**run, "Entrypoint": list(wanted.entrypoint), "Cmd": []} if wanted.entrypoint else run,
    )


def _commit_labels(source: Source, layers: Sequence[Packed]) -> Mapping[str, str]:
    described = source.described
    found = {"ostree.commit": source.name, "ostree.final-diffid": str(layers[-1].diff_id)}
    if linux := described.text("ostree.linux"):
        found["ostree.linux"] = linux
    if described.is_set("ostree.bootable"):
        found |= {"ostree.bootable": "true", "containers.bootc": "1"}
    return found


def _text(source: Source, tree: Tree, path: str) -> str:
    """A small file's text; "" if there is none. Raises BadManifest for what cannot be a label."""
    name = tree.paths.get(path)
    if name is None:
        return ""
    found = source.objects.file(name)
    if found.head.target or found.size > METADATA_BYTES:
        raise BadManifest(
            f"{path} of the tree is no file of at most {METADATA_BYTES} bytes", hint=_WRITTEN, path=path
        )
    try:
        return b"".join(content(name, found)).decode()
    except UnicodeDecodeError as error:
        raise BadManifest(f"{path} of the tree is not UTF-8", hint=_WRITTEN, path=path) from error
