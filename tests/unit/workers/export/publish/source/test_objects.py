# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The one way out of an object."""

from collections.abc import Iterator

import pytest

from appctld.errors import RepoCorrupt
from appctld.workers.export.publish.source.objects import Found, content
from appctld.workers.store.ostree.objects import checksum, regular

HEAD = regular(0, 0, 0o644)
NAME = checksum(HEAD, [b"content"])


def leaving(size: int, *pieces: bytes) -> Iterator[bytes]:
    return content(NAME, Found(HEAD, size, iter(pieces)))


def test_what_is_right_leaves() -> None:
    assert b"".join(leaving(7, b"cont", b"ent")) == b"content"


@pytest.mark.parametrize(("size", "pieces"), [
    (7, [b"cont", b"enT"]), (7, [b"cont"]), (7, []), (6, [b"content"]), (8, [b"content"]), (0, [b"content"]),
])  # fmt: skip
def test_what_is_another_or_of_another_size_does_not_leave_whole(size: int, pieces: list[bytes]) -> None:
    came = bytearray()

    def take() -> None:
        for piece in leaving(size, *pieces):
            came.extend(piece)

    with pytest.raises(RepoCorrupt, match="not what its name says"):
        take()
    assert len(came) <= size
    assert not came.endswith(b"ent")


def test_what_goes_on_for_ever_is_stopped() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    with pytest.raises(RepoCorrupt):
        list(content(NAME, Found(HEAD, 7, endless())))
