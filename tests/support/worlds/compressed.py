# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images of compressed layers in a world's registry, inflated by the stock program."""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from support.workers.inline import StockLauncher, digest_of
from support.worlds.world import World

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


def gzipped(data: bytes) -> bytes:
    """As nobody of whom we know packs layers."""
    return gzip.compress(data, mtime=0)


def push_packed(
    world: World,
    tag: str,
    layers: Sequence[bytes],
    made_by: str = "",
    pack: Callable[[bytes], bytes] = gzipped,
) -> str:
    """Publish an image whose layers are gzip; its manifest digest. `made_by` stands in its history."""
    world.tools = replace(world.tools, launcher=StockLauncher())
    world.registry.push(tag, layers)
    document = json.loads(world.registry.tags[tag])
    config = json.loads(world.registry.blobs[document["config"]["digest"]])
    raw = json.dumps({**config, "history": [{"created_by": made_by}]}).encode()
    world.registry.blobs[digest_of(raw)] = raw
    document["config"] |= {"digest": digest_of(raw), "size": len(raw)}
    for layer, tar in zip(document["layers"], layers, strict=True):
        del world.registry.blobs[layer["digest"]]
        blob = pack(tar)
        world.registry.blobs[digest_of(blob)] = blob
        layer |= {"mediaType": GZIP, "digest": digest_of(blob), "size": len(blob)}
    manifest = json.dumps(document).encode()
    world.registry.tags[tag] = world.registry.tags[digest_of(manifest)] = manifest
    return digest_of(manifest)
