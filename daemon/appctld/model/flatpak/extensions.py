# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Extension points: the [Extension NAME] groups of an app's or a runtime's metadata (flatpak-metadata(5)).

Pure. Guarantees: a directory lies below /app or /usr and has no `..`, no control characters; counts and
lengths are bounded. What stands at a point is another image's, with a ref and a signature of its own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from appctld.errors import BadManifest, LimitExceeded
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.jsonvalue import Json, JsonObject

POINTS = 128  # of one image; the largest published runtimes have about 30
VERSIONS = 8  # of one point; real ones have two or three
_GROUP = "Extension "
_PART = r"(?!\.{1,2}(?:/|\Z))[^\x00-\x1f\x7f-\x9f/:]{1,255}"
_DIRECTORY = re.compile(rf"{_PART}(?:/{_PART}){{0,15}}")


@dataclass(frozen=True, slots=True)
class ExtensionPoint:
    """One place, for one version of one extension.

    With `subdirectories` it is for every extension whose name begins with `ref.name` and a dot, each in a
    directory of its own: what is left of its name, then `suffix`. `merge` are directories below that are
    shown together, `libraries` is the directory for the loader's path, `condition` is flatpak's enable-if.
    `automatic` says that it comes by itself where the remote has it.
    """

    ref: FlatpakRef
    directory: str
    subdirectories: bool
    suffix: str
    merge: tuple[str, ...]
    libraries: str
    condition: str
    automatic: bool

    def to_json(self, below: str) -> JsonObject:
        """As run.json has it; `below` is /app or /usr."""
        merge: list[Json] = [*self.merge]
        return {
            "name": self.ref.name,
            "id": self.ref.id,
            "ref": str(self.ref),
            "at": f"{below}/{self.directory}",
            "subdirectories": self.subdirectories,
            "suffix": self.suffix,
            "merge-dirs": merge,
            "ld-path": self.libraries,
            "enable-if": self.condition,
        }


def extension_points(
    groups: Mapping[str, Mapping[str, str]], owner: FlatpakRef
) -> tuple[ExtensionPoint, ...]:
    """Those of the metadata of `owner`, whose branch is the version where none is named.

    Raises BadManifest, LimitExceeded.
    """
    found = [
        point
        for group, keys in groups.items()
        if group.startswith(_GROUP)
        for point in _points(group.removeprefix(_GROUP).partition("@")[0], keys, owner)
    ]
    if len(found) > POINTS:
        raise LimitExceeded(f"more than {POINTS} extension points", limit=POINTS)
    return tuple(found)


def _points(name: str, keys: Mapping[str, str], owner: FlatpakRef) -> Iterator[ExtensionPoint]:
    """One for each version that the point is for."""
    suffix = keys.get("subdirectory-suffix", "")
    for version in _versions(name, keys, owner):
        yield ExtensionPoint(
            ref=parse_ref(f"runtime/{name}/{owner.arch}/{version}"),
            directory=_directory(name, keys.get("directory", "").rstrip("/")),
            subdirectories=keys.get("subdirectories") == "true",
            suffix=_directory(name, suffix.strip("/")) if suffix else "",
            merge=tuple(_directory(name, text.strip("/")) for text in _words(keys, "merge-dirs")),
            libraries=_directory(name, path) if (path := keys.get("add-ld-path", "").strip("/")) else "",
            condition=keys.get("enable-if", "")[:255],
            automatic=keys.get("no-autodownload") != "true" and not keys.get("download-if"),
        )


def _versions(name: str, keys: Mapping[str, str], owner: FlatpakRef) -> list[str]:
    versions = _words(keys, "versions") or [keys.get("version", "") or owner.branch]
    if len(versions) > VERSIONS:
        raise LimitExceeded(f"extension {name[:80]!r} in more than {VERSIONS} versions", limit=VERSIONS)
    return list(dict.fromkeys(versions))


def _words(keys: Mapping[str, str], key: str) -> list[str]:
    return [word.strip() for word in keys.get(key, "").split(";") if word.strip()]


def _directory(name: str, path: str) -> str:
    if not _DIRECTORY.fullmatch(path):
        raise BadManifest(f"extension {name[:80]!r} has no directory below /app or /usr")
    return path
