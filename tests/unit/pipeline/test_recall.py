# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/recall.py: what the store says about a commit is bounded, and must fit together."""

import asyncio
import os
from pathlib import Path

import pytest

from appctld.errors import AppctlError, Failed, LimitExceeded
from appctld.model.image import CONFIG_BYTES
from appctld.model.jsonvalue import JsonObject
from appctld.model.manifest import MANIFEST_BYTES
from appctld.pipeline.recall import Recalled, recall
from appctld.workers.protocol import Report, descriptor
from support.worlds.world import World

COMMIT = "0" * 64


def recalled(directory: Path, size: int, *sizes: int) -> Recalled:
    """Ask a store that writes `size` bytes and calls them documents of `sizes`."""
    world = World(directory)

    def say(request: JsonObject, _report: Report) -> JsonObject:
        with os.fdopen(descriptor(request, "out"), "wb") as out:
            out.write(b"x" * size)
        return {"sizes": [*sizes], "lists": {}, "texts": {}, "files": {}}

    world.runner.instead["recall"] = say
    return asyncio.run(recall(COMMIT, world.tools))


def test_a_manifest_and_a_config_of_the_largest_size_are_read(tmp_path: Path) -> None:
    found = recalled(tmp_path, MANIFEST_BYTES + CONFIG_BYTES, MANIFEST_BYTES, CONFIG_BYTES)
    assert (len(found.manifest), len(found.config)) == (MANIFEST_BYTES, CONFIG_BYTES)


@pytest.mark.parametrize(
    ("size", "sizes", "error"),
    [
        (MANIFEST_BYTES + CONFIG_BYTES + 1, (MANIFEST_BYTES, CONFIG_BYTES + 1), LimitExceeded),
        (10, (4, 5), Failed),
        (10, (4, 7), Failed),
        (10, (), Failed),
    ],
)
def test_anything_else_is_refused(
    tmp_path: Path, size: int, sizes: tuple[int, ...], error: type[AppctlError]
) -> None:
    with pytest.raises(error):
        recalled(tmp_path, size, *sizes)
