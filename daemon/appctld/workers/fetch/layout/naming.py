# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which of a layout's images a reference means. Pure.

As `org.opencontainers.image.ref.name` tools write a tag (umoci, podman), a full reference (skopeo, buildah)
or a flatpak ref (`flatpak build-bundle`). The first way that any entry fits decides: the full reference, the
repository below the remote's prefix with the tag, the bare tag, and the only image of a layout, if its name
cannot be about a reference. Two that fit in one way are an error, and nothing else is ever taken.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from appctld.errors import BadManifest, NotFound

SHOWN = 8  # names in a message
SHOWN_LENGTH = 80
_FLATPAK = re.compile(r"(?:app|runtime)/[^/]+/[^/]+/[^/]+")


class Named(Protocol):
    """What may be meant: a name, perhaps several, and what tells two of them apart."""

    @property
    def names(self) -> Sequence[str]:
        """None where it has no name."""
        ...

    @property
    def identity(self) -> object:
        """Equal for two that are the same image."""
        ...


N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class Place:
    """A repository as references name it; `prefix` is the part of its path that the remote stands for."""

    host: str
    repository: str
    prefix: str

    def names(self, tag: str) -> tuple[str, ...]:
        """What an entry for that tag may be called, the best first."""
        below = f"{self.repository}/".removeprefix(f"{self.prefix}/" if self.prefix else "").rstrip("/")
        return (
            f"{self.host}/{self.repository}:{tag}",
            *((f"{below}:{tag}",) if below else ()),
            tag,
        )


def find(candidates: Sequence[N], place: Place, tag: str) -> N | None:
    """The candidate that a tag of `place` means by its name. Raises BadManifest where two are meant."""
    for name in place.names(tag):
        if found := _only([one for one in candidates if name in one.names], name):
            return found
    return None


def choose(images: Sequence[N], place: Place, tag: str, where: str) -> N:
    """The image that a tag of `place` means. Raises NotFound, BadManifest where two are meant."""
    found = find(images, place, tag)
    if found is None and len(images) == 1 and all(map(_FLATPAK.fullmatch, images[0].names)):
        found = images[0]
    if found is None:
        raise NotFound(f"{where} has no {place.names(tag)[0]}; it has {shown(images)}")
    return found


def shown(images: Iterable[Named]) -> str:
    """What is there, in words for a message; foreign text."""
    names = [name[:SHOWN_LENGTH] for one in images for name in (one.names or ("an image without a name",))]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "no image") + more


def _only(fitting: Sequence[N], name: str) -> N | None:
    if len({one.identity for one in fitting}) > 1:
        raise BadManifest(f"two images are called {name}")
    return fitting[0] if fitting else None
