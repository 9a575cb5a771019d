# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""state/catalogs.py: what is known is written and read back, and a broken file is no obstacle."""

from pathlib import Path

import pytest

from appctld.model.digest import Digest
from appctld.state.catalogs import (
    Known,
    Made,
    known_catalogs,
    remember_catalogs,
    shown_catalogs,
    united_catalogs,
)
from appctld.state.paths import Paths

EDITOR = Known(5, "settings", Digest("1" * 64), signed=True)


def test_what_is_known_reads_back_until_it_is_forgotten(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert known_catalogs(paths) == {}
    remember_catalogs(paths, {"acme": EDITOR, "beta": Known(6, "x")})
    assert known_catalogs(paths) == {"acme": EDITOR, "beta": Known(6, "x")}
    remember_catalogs(paths, {"beta": None, "gamma": None})
    assert known_catalogs(paths) == {"acme": EDITOR}


def test_a_broken_file_is_as_none(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    for data in (b"", b"[]", b'{"acme": {"checked": 1}}', b'{"acme": {"digest": "x"}}'):
        paths.known_catalogs.write_bytes(data)
        assert known_catalogs(paths) == {}


def test_what_lies_there_is_told_by_the_name_of_what_is_current(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert shown_catalogs(paths) == {}
    for name in ("acme", "half", ".staging-1"):
        (paths.catalogs / name).mkdir(parents=True)
    (paths.catalogs / "acme/current").symlink_to("0123")
    assert shown_catalogs(paths) == {"acme": "0123", "half": ""}


def test_what_libappstreams_file_was_made_of_is_known_to_be_nothing_where_nothing_was_ever_written(
    tmp_path: Path,
) -> None:
    assert united_catalogs(Paths(tmp_path)) == Made()


@pytest.mark.parametrize("text", [None, "{", '{"acme": "0123"}', '{"catalogs": {"acme": 1}, "apps": ""}'])
def test_what_it_was_made_of_nobody_knows_where_that_does_not_stand_beside_it(
    text: str | None, tmp_path: Path
) -> None:
    paths = Paths(tmp_path)
    paths.swcatalog.mkdir()
    paths.united_catalogs.write_text('{"catalogs": {"acme": "0123"}, "apps": "all"}')
    assert united_catalogs(paths) == Made({"acme": "0123"}, "all")
    if text is None:
        paths.united_catalogs.unlink()
    else:
        paths.united_catalogs.write_text(text)
    assert united_catalogs(paths) is None
