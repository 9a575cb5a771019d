# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the labels of an image say of the app or runtime in it: flatpak's labels, and ours.

Pure, on the config that a signed manifest names. An image with `org.flatpak.ref` is flatpak's. With
`org.flatpak.metadata` beside it its tree has flatpak's form (`files/`, `metadata`); without, it is an
ordinary tree whose `/app` or `/usr` counts. Guarantees: labels that say one thing twice say the same; commit
metadata has the shape of base64 and of a GVariant (gvariant.py). Whether the tree agrees is known after the
import.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from html import unescape

from appctld.errors import ArchMismatch, BadManifest
from appctld.model.flatpak.extensions import ExtensionPoint, extension_points
from appctld.model.flatpak.gvariant import check_variant
from appctld.model.flatpak.ref import FlatpakRef, flatpak_arch, parse_ref, parse_runtime
from appctld.model.flatpak.runtime import groups_of, parse_runtime_metadata
from appctld.model.image import APP_ID, METADATA, TITLE, VERSION, ImageConfig
from appctld.model.permissions import METADATA_BYTES, METADATA_FILES, Permission, parse_metadata
from appctld.model.published import FINAL

REF = "org.flatpak.ref"
FLATPAK_METADATA = "org.flatpak.metadata"
COMMIT_METADATA = "org.flatpak.commit-metadata."
INSTALLED_SIZE = "org.flatpak.installed-size"
APPSTREAM = "org.freedesktop.appstream.appdata"
COMMIT_KEYS = 256  # keys of commit metadata; `flatpak build-bundle` writes seven
SAID_TWICE = {"xa.ref": REF, "xa.metadata": FLATPAK_METADATA}  # commit metadata, and the label it repeats
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NEWEST = re.compile(r"<release\s[^<>]{0,1000}?\bversion=[\"']([^<>\"'\x00-\x1f\x7f-\x9f]{1,100})[\"']")
_SIZE = re.compile(r"[0-9]{1,18}", re.ASCII)
_NAME = re.compile(r"<name>([^<>\x00-\x1f\x7f-\x9f]{1,200})</name>")


@dataclass(frozen=True, slots=True)
class Described:
    """An app or a runtime, as an image's labels have it.

    `ref` is None for an image that is not flatpak's, `text` the metadata label's, None without one. `files`
    are the paths of the tree's own metadata file, of which the first that is there counts. `name` is the ID
    that labels name, empty without. `runtime` is what it needs below it.
    """

    ref: FlatpakRef | None
    text: str | None
    files: tuple[str, ...]
    name: str
    permissions: tuple[Permission, ...] = ()
    runtime: FlatpakRef | None = None
    points: tuple[ExtensionPoint, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def is_runtime(self) -> bool:
        """Whether it is a runtime or an extension, which nobody starts."""
        return self.ref is not None and self.ref.is_runtime

    @property
    def is_flatpaks(self) -> bool:
        """Whether the tree has flatpak's form."""
        return self.files == ("metadata",)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a metadata text says."""

    name: str
    permissions: tuple[Permission, ...] = ()
    runtime: FlatpakRef | None = None
    points: tuple[ExtensionPoint, ...] = ()
    ignored: tuple[str, ...] = ()


def describe(config: ImageConfig) -> Described:
    """Read the labels. Raises BadManifest, UnsupportedMediaType, ArchMismatch, LimitExceeded."""
    written = config.label(REF)
    ref = parse_ref(written) if written is not None else None
    text, files = metadata_told(config)
    if ref is not None:
        _check_flatpaks(ref, config)
    asked = _asked(text, ref, config.platform.architecture)
    return Described(
        ref=ref,
        text=text,
        files=files,
        name=ref.id if ref else config.label(APP_ID) or asked.name,
        permissions=asked.permissions,
        runtime=asked.runtime,
        points=asked.points,
        ignored=asked.ignored,
    )


def metadata_told(config: ImageConfig) -> tuple[str | None, tuple[str, ...]]:
    """The metadata label's text, unread, and the paths of the tree's own file. Raises BadManifest."""
    theirs = config.label(FLATPAK_METADATA) if config.label(REF) is not None else None
    files = ("metadata",) if theirs is not None else METADATA_FILES
    return _one_text(theirs, config.label(METADATA)), files


def needed_runtime(text: str) -> FlatpakRef | None:
    """The runtime that an app's metadata names, if it names one. Raises as `describe`."""
    named = parse_metadata(text).runtime
    return parse_runtime(named) if named else None


def title_of(config: ImageConfig) -> str:
    """What its publisher calls it; foreign text."""
    return config.label(TITLE) or _found(_NAME, config)


def installed_size_of(config: ImageConfig) -> int:
    """The bytes that its publisher says it takes on a disk; 0 without a number that a disk could hold."""
    text = config.label(INSTALLED_SIZE) or ""
    return int(text) if _SIZE.fullmatch(text) else 0


def version_in(config: ImageConfig) -> str:
    """The version that its labels tell: our label, the newest release in its catalogue entry, its branch."""
    ref = config.label(REF)
    return config.label(VERSION) or (_found(_NEWEST, config) or parse_ref(ref).branch if ref else "")


def _one_text(theirs: str | None, ours: str | None) -> str | None:
    if theirs is not None and ours is not None and theirs != ours:
        raise BadManifest(f"labels {FLATPAK_METADATA} and {METADATA} differ")
    text = ours if theirs is None else theirs
    if text is not None and len(text.encode()) > METADATA_BYTES:
        raise BadManifest("a metadata label of more than 64 KiB")
    return text


def _check_flatpaks(ref: FlatpakRef, config: ImageConfig) -> None:
    if ref.architecture != config.platform.architecture:
        raise ArchMismatch(f"{ref} in an image for {config.platform}")
    if config.label(APP_ID) not in {None, ref.id}:
        raise BadManifest(f"label {APP_ID} is another ID than that of {ref}")
    if config.label(FINAL) is not None:
        raise BadManifest(f"an image that is flatpak's and holds an OSTree commit ({FINAL}) too")
    said = [(name, value) for name, value in config.labels if name.startswith(COMMIT_METADATA)]
    if len(said) > COMMIT_KEYS:
        raise BadManifest(f"{len(said)} labels of commit metadata")
    for name, value in said:
        _check_commit_metadata(name, value, config)


def _check_commit_metadata(name: str, value: str, config: ImageConfig) -> None:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadManifest(f"label {name[:80]!r} is no base64") from error
    check_variant(data, f"label {name[:80]!r}")
    twice = SAID_TWICE.get(name.removeprefix(COMMIT_METADATA))
    if twice is not None and data != (config.label(twice) or "").encode() + b"\0\0s":
        raise BadManifest(f"labels {name} and {twice} differ")


def _asked(text: str | None, ref: FlatpakRef | None, architecture: str) -> _Asked:
    if ref is not None and ref.is_runtime:
        return _by_runtime(text, ref)
    if text is None:
        return _Asked("")
    metadata = parse_metadata(text)
    if ref is not None and metadata.name != ref.name:
        raise BadManifest(f"the metadata of {ref} is that of {metadata.name[:80]!r}")
    runtime = parse_runtime(metadata.runtime) if metadata.runtime else None
    if runtime is None and ref is not None:
        raise BadManifest(f"{ref} names no runtime")
    if runtime is not None and runtime.architecture != architecture:
        raise ArchMismatch(f"an image for {architecture} that needs {runtime}")
    points = points_of_app(text, ref, metadata.name, architecture) if runtime else ()
    return _Asked(metadata.name, metadata.permissions, runtime, points)


def _by_runtime(text: str | None, ref: FlatpakRef) -> _Asked:
    if text is None:
        return _Asked(ref.name)
    metadata = parse_runtime_metadata(text, ref)
    return _Asked(ref.name, points=metadata.points, ignored=metadata.ignored)


def points_of_app(
    text: str, ref: FlatpakRef | None, app_id: str, architecture: str
) -> tuple[ExtensionPoint, ...]:
    """The extension points of an app's metadata. Raises BadManifest, LimitExceeded."""
    return extension_points(groups_of(text), ref or ref_of_app(app_id, architecture))


def ref_of_app(app_id: str, architecture: str) -> FlatpakRef:
    """The ref that an app would have whose image names none."""
    return FlatpakRef("app", app_id, flatpak_arch(architecture), "stable")


def _found(pattern: re.Pattern[str], config: ImageConfig) -> str:
    found = pattern.search(config.label(APPSTREAM) or "")
    text = unescape(found[1]).strip() if found else ""
    return "" if _CONTROL.search(text) else text
