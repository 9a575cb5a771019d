# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The documents of a layout: what others wrote stays, a name means one image, and what is none is refused."""

import json
from typing import Any

import pytest

from appctld.errors import BadManifest
from appctld.workers.export.layout import INDEX_BYTES, LAYOUT, LAYOUT_BYTES, check_layout, index_with, meaning
from support.workers.leaving import blob_of

ONE, TWO = blob_of(b"one"), blob_of(b"two")
NAME = "org.opencontainers.image.ref.name"


def entries(index: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(index)["manifests"]
    return found


def test_a_layout_of_the_one_version_there_is_is_taken() -> None:
    check_layout(LAYOUT)
    check_layout(b'{"imageLayoutVersion": "1.0.0", "more": 1}')


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"imageLayoutVersion": 1}', b'{"imageLayoutVersion": "1.1.0"}',
     LAYOUT + b" " * LAYOUT_BYTES],
)  # fmt: skip
def test_another_one_is_refused(data: bytes) -> None:
    with pytest.raises(BadManifest):
        check_layout(data)


def test_a_name_means_the_image_that_was_named_last() -> None:
    first = index_with(None, {"a": ONE, "b": ONE})
    second = index_with(first, {"a": TWO})
    assert [(entry["annotations"][NAME], entry["digest"]) for entry in entries(second)] == [
        ("b", str(ONE.digest)),
        ("a", str(TWO.digest)),
    ]
    assert meaning(second, "a") == TWO.digest
    assert meaning(second, "c") is None


STRANGE = [
    7,
    {},
    {"annotations": 1},
    {"annotations": {NAME: 1}},
    {"digest": "x", "annotations": {"other": "y"}},
]


def test_what_others_wrote_stays() -> None:
    before = json.dumps({"schemaVersion": 2, "manifests": STRANGE, "annotations": {"x": "ü"}}).encode()
    after = json.loads(index_with(before, {"a": ONE}))
    assert after["manifests"][:-1] == STRANGE
    assert after["annotations"] == {"x": "ü"}


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"schemaVersion": 2}', b'{"schemaVersion": 1, "manifests": []}',
     b'{"schemaVersion": 2, "manifests": {}}', b'{"schemaVersion": 2, "manifests": []}' + b" " * INDEX_BYTES],
)  # fmt: skip
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(BadManifest):
        index_with(data, {"a": ONE})
    with pytest.raises(BadManifest):
        meaning(data, "a")
