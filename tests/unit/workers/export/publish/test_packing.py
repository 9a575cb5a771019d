# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A layer that is packed, and read again."""

import gzip
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from appctld.workers.export.destination import COPY_BYTES
from appctld.workers.export.publish.packing import Packer


def test_a_layer_is_hashed_before_and_after_and_may_be_read_again_and_again() -> None:
    data, told = os.urandom(3 * COPY_BYTES), list[int]()
    with ExitStack() as stack:
        packed = Packer(stack, told.append).pack([data[:7], data[7:]], "by", {"a": "b"})
        pieces = list(packed.chunks())
        assert pieces == list(packed.chunks())
    assert max(map(len, pieces)) <= COPY_BYTES
    written = b"".join(pieces)
    assert (packed.size, packed.digest.hex) == (len(written), hashlib.sha256(written).hexdigest())
    assert packed.diff_id.hex == hashlib.sha256(gzip.decompress(written)).hexdigest()
    assert sum(told) == len(data)


@pytest.mark.usefixtures("nothing_stays")
def test_nothing_is_left_of_a_layer_that_fails() -> None:
    def failing() -> Iterator[bytes]:
        yield b"x"
        raise RuntimeError

    with pytest.raises(RuntimeError), ExitStack() as stack:
        Packer(stack, lambda _: None).pack(failing(), "by")
