# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""ephemeral.py where it cannot begin; what it is for is shown by tests/integration/test_try.py."""

import shutil
from pathlib import Path

import pytest

from appctl.ephemeral import ephemeral
from appctl.failure import Failure


def test_without_bubblewrap_there_is_none_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_program, **_places: None)
    with pytest.raises(Failure, match="bubblewrap is missing") as raised, ephemeral(tmp_path, "[remote]\n"):
        pytest.fail("it began")
    assert raised.value.hint == "apt install bubblewrap"
    assert not list(tmp_path.iterdir())
