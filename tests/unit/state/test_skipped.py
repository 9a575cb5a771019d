# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors

from pathlib import Path

import pytest

from appctld.model.digest import Digest
from appctld.state.paths import Paths
from appctld.state.skipped import forget_skipped, skip, skipped

ONE, TWO = Digest("1" * 64), Digest("2" * 64)


def test_an_image_is_skipped_until_it_is_forgotten(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert skipped(paths) == {}
    skip(paths, "org.a.A", ONE)
    skip(paths, "org.b.B", ONE)
    skip(paths, "org.a.A", TWO)
    assert skipped(paths) == {"org.a.A": TWO, "org.b.B": ONE}
    forget_skipped(paths, ["org.a.A", "org.c.C"])
    assert skipped(paths) == {"org.b.B": ONE}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"org.a.A": 1}', b'{"org.a.A": "x"}'])
def test_a_file_that_cannot_be_read_skips_nothing(content: bytes, tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.skipped.write_bytes(content)
    assert skipped(paths) == {}
