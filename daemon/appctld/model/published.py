# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether an image holds a publisher's own OSTree commit (ostree-ext's format), as its verified config says.

Pure. The label `ostree.final-diffid` names the last of the layers that hold the commit; what lies above it
was made by a container engine. An image without that label is a plain one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.image import ImageConfig

FINAL = "ostree.final-diffid"
COMMIT = "ostree.commit"


class Reading(StrEnum):
    """How a layer's tar is read: one tar may mean two things, and neither may stand for the other.

    The words stand in refs.
    """

    PLAIN = "layer"  # paths and whiteouts
    OSTREE = "ostree"  # objects


@dataclass(frozen=True, slots=True)
class PublishedCommit:
    """`commit` is the name of a commit object, in hex; the first `layers` of the image hold it."""

    commit: str
    layers: int


def published_commit(config: ImageConfig) -> PublishedCommit | None:
    """What the labels say; None for a plain image.

    Raises BadManifest: the last layer is none of the image's, or several; the commit has no name; its own
    layer, the first, comes again.
    """
    final = config.label(FINAL)
    if final is None:
        return None
    found = [number for number, diff_id in enumerate(config.diff_ids, 1) if diff_id == Digest.parse(final)]
    if len(found) != 1:
        raise BadManifest(f"label {FINAL} names {'several' if found else 'none'} of the image's layers")
    layers = config.diff_ids[: found[0]]
    if layers[0] in layers[1:]:
        raise BadManifest("an image that holds the layer of its OSTree commit twice")
    return PublishedCommit(Digest(config.label(COMMIT) or "").hex, len(layers))


@dataclass(frozen=True, slots=True)
class Use:
    """One layer, and how it is read; with `holds_commit` it is the one that must hold the commit itself."""

    diff_id: Digest
    reading: Reading
    holds_commit: bool = False


def uses(diff_ids: Sequence[Digest], ostree: int) -> tuple[Use, ...]:
    """How each of an image's layers is used, lowest first; as `readings`."""
    how = zip(diff_ids, readings(len(diff_ids), ostree), strict=True)
    return tuple(
        Use(diff_id, reading, holds_commit=reading is Reading.OSTREE and not number)
        for number, (diff_id, reading) in enumerate(how)
    )


def readings(layers: int, ostree: int) -> tuple[Reading, ...]:
    """How each of an image's layers is read, lowest first; the first `ostree` hold a publisher's commit."""
    return tuple(Reading.OSTREE if number < ostree else Reading.PLAIN for number in range(layers))
