# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What doctor says of menus: whether the session looks where apps show themselves."""

from pathlib import Path

import pytest

from appctl.actions.doctor.menus import judged
from appctl.places import SYSTEM_STATE

SHARE = SYSTEM_STATE / "exports/share"


@pytest.mark.parametrize(
    ("directories", "level"),
    [
        (f"/usr/share:{SHARE}", "ok"),
        (f"{SHARE}/", "ok"),
        (f"/usr/share:{SHARE}-not:/usr", "warning"),
        ("/usr/share", "warning"),
        ("", "warning"),
    ],
)
def test_a_session_that_looks_elsewhere_is_told(directories: str, level: str) -> None:
    assert judged(SHARE, 1, directories).level == level


def test_where_nothing_is_set_the_default_is_looked_at() -> None:
    assert judged(Path("/usr/share"), 1, "").level == "ok"
