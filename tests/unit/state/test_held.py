# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors

from pathlib import Path

import pytest

from appctld.errors import RepoCorrupt
from appctld.state.held import forget_held, held, hold
from appctld.state.paths import Paths

ONE, TWO = "org.a.A", "org.b.B"


def test_an_app_is_held_until_it_is_not(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert held(paths) == frozenset()
    assert not hold(paths, ONE, wanted=False)
    assert not paths.held.exists(), "nothing changed, nothing is written"
    assert hold(paths, ONE, wanted=True)
    assert not hold(paths, ONE, wanted=True)
    hold(paths, TWO, wanted=True)
    assert held(Paths(tmp_path)) == {ONE, TWO}
    assert hold(paths, ONE, wanted=False)
    forget_held(paths, [TWO, "org.c.C"])
    assert held(paths) == frozenset()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"held": {"org.a.A": 1}}', b'{"held": [1]}'])
def test_a_file_that_cannot_be_read_is_not_an_empty_one(content: bytes, tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.held.write_bytes(content)
    with pytest.raises(RepoCorrupt, match="held"):
        held(paths)
    with pytest.raises(RepoCorrupt):
        hold(paths, ONE, wanted=True)
    assert paths.held.read_bytes() == content
