# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layer's bytes, unpacked and counted."""

import io

import pytest

from appctld.errors import LimitExceeded
from appctld.model.digest import Digest
from appctld.model.manifest import Descriptor
from appctld.workers.lint.layers import Unpacked

PLAIN = "application/vnd.oci.image.layer.v1.tar"


def unpacked(data: bytes, limit: int) -> Unpacked:
    return Unpacked(io.BytesIO(data), Descriptor(PLAIN, Digest.of(data), len(data)), limit=limit)


def test_what_comes_out_is_counted_and_hashed() -> None:
    data = b"x" * (3 << 20)
    with unpacked(data, len(data)) as layer:
        assert len(layer.some(1 << 30)) == 1 << 20  # as much as is held at once
        assert layer.read(2) == b"xx"
        assert sum(map(len, layer.rest())) == len(data) - (1 << 20) - 2
        assert (layer.digest, layer.left) == (Digest.of(data), 0)


def test_more_than_may_come_is_not_given() -> None:
    with unpacked(b"x" * 100, 99) as layer, pytest.raises(LimitExceeded):
        layer.read(100)
