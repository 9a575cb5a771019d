# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is told of an image that leaves."""

import io
import itertools
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonObject, get_int
from appctld.model.manifest import Descriptor
from appctld.workers.export.destination import Content, Destination
from appctld.workers.export.publish import leaving
from appctld.workers.export.publish.image import Image
from appctld.workers.export.publish.packing import Packed
from appctld.workers.export.publish.publish import publish
from support.workers.publishing import directory, request


def test_what_left_is_told_while_it_leaves_and_comes_to_all_of_it(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer of some gigabytes is not one step; and one that the image has twice leaves once."""
    monkeypatch.setattr(leaving, "REPORT_SECONDS", 0)
    (tree / "usr/large").write_bytes(os.urandom(5 << 20))
    told: list[JsonObject] = []
    publish(request(directory(tree), tmp_path / "out"), told.append)
    writing = [
        (get_int(facts, "bytes"), get_int(facts, "total")) for facts in told if facts["stage"] == "writing"
    ]
    assert len(writing) > 5
    assert writing == sorted(writing)
    assert writing[-1] == (writing[0][1], writing[0][1])


class Forgetful:
    """A registry that asks for each blob again when half of it is there."""

    def has(self, _blob: Descriptor) -> bool:
        return False

    def put_blob(self, _blob: Descriptor, content: Content) -> None:
        for pieces in (2, None):
            for _ in itertools.islice(content(), pieces):
                pass


def test_what_must_leave_again_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "REPORT_SECONDS", 0)
    data = bytes(4 << 20)
    layer = Packed(Digest.of(data), Digest.of(data), len(data), io.BytesIO(data))
    told: list[JsonObject] = []
    image = cast("Image", SimpleNamespace(layers=[layer, layer], config=b"{}"))
    leaver = leaving._Leaving(image, cast("Destination", Forgetful()), leaving.Told(told.append))
    assert leaver.bring() == len(data)
    sent = [get_int(facts, "bytes") for facts in told]
    assert sent == sorted(sent)
    assert (sent[-1], told[-1]["total"]) == (len(data), len(data))
