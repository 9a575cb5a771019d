# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an image is that lists a remote's apps: how it says so, and how large it may be.

Pure. Leaves to others: what is listed (store/catalog), and who signed it.
"""

from collections.abc import Sequence

from appctld.errors import BadManifest, LimitExceeded
from appctld.model.image import ImageConfig
from appctld.model.manifest import Descriptor
from appctld.model.reference import Reference

LABEL = "org.appctl.catalog"  # with the value 1: what says that an image is none of an app
LAYERS = 8  # `appctl publish` writes one; a Containerfile's COPY lines some more
CATALOG_BYTES = 128 << 20  # of one layer, packed or not: 10,000 apps with two icons of 6 KiB


def prefix_of(name: Reference) -> str:
    """What the apps of a catalogue lie below: what stands before the last part of its own name."""
    return name.name.rpartition("/")[0]


def check_layers(layers: Sequence[Descriptor]) -> None:
    """Raise LimitExceeded for more than anybody would fetch to search in."""
    if len(layers) > LAYERS:
        raise LimitExceeded(f"a catalogue of {len(layers)} layers, {LAYERS} are allowed", limit=LAYERS)
    check_size(sum(layer.size for layer in layers))


def check_size(size: int) -> None:
    """Raise LimitExceeded for so many bytes of layers, packed or not."""
    if size > CATALOG_BYTES:
        raise LimitExceeded(f"a catalogue of {size} bytes, {CATALOG_BYTES} are allowed", limit=CATALOG_BYTES)


def check_label(config: ImageConfig, name: str) -> None:
    """Raise BadManifest for an image that does not say it is a catalogue."""
    if config.label(LABEL) != "1":
        raise BadManifest(f"{name} has no label {LABEL}=1: it is no catalogue")
