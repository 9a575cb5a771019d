# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors

import fcntl
from pathlib import Path

from appctld.state.running import is_running


def test_an_app_runs_while_somebody_holds_its_lock(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    run = tmp_path / "run.json"
    run.write_text("{}")
    assert not is_running(tmp_path)
    with run.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert is_running(tmp_path)
        assert is_running(tmp_path)
    assert not is_running(tmp_path)
