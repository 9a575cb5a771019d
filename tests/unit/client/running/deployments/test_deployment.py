# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The lock on what runs, where others can take it too."""

import fcntl
from pathlib import Path

import pytest

from appctl.failure import Failure
from appctl.places import Places
from appctl.running.deployments import deployment as deployments
from appctl.running.deployments.runfile import RUN_FILE_BYTES
from appctl.scope import Scope
from support.machines.deployments import Made

APP = "org.acme.Tool"


def test_a_lock_that_somebody_else_holds_is_not_waited_for(tmp_path: Path) -> None:
    made = Made(tmp_path / "appctl", APP).write(cmd=["/tool"])
    places = Places(home=tmp_path, data=tmp_path, config=tmp_path, runtime=None)
    with (made.path / "run.json").open() as file:  # whoever can read it can lock it
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Failure) as caught:
            deployments.find(places, (Scope.USER,), APP)
    assert caught.value.code == 125
    assert "is locked" in caught.value.message
    assert "lslocks" in caught.value.hint
    deployments.close(deployments.find(places, (Scope.USER,), APP))


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ({"require-something": True}, "more than this version knows"),
        ({"format": 2}, "another format"),
        ({"id": "org.acme.Other"}, "another app's"),
        ({"cwd": "relative"}, "not absolute"),
        *[
            ({"volumes": [place]}, "a volume that is no place")
            for place in ("data", "", "/", "//", "/data/", "/data/../etc", "/./data", "//data")
        ],
        ({"volumes": {"/data": {}}}, "else than a list"),
        ({"volumes": [1]}, "else than a text"),
        ({"env": {"A B": "x"}}, "env"),
        ({"entrypoint": "x"}, "list"),
        ({"cmd": ["x" * RUN_FILE_BYTES]}, "too large"),
    ],
)
def test_a_run_file_that_is_not_understood_whole_is_not_run(
    run: dict[str, object], says: str, tmp_path: Path
) -> None:
    Made(tmp_path / "appctl", APP).write(**run)
    places = Places(home=tmp_path, data=tmp_path, config=tmp_path, runtime=None)
    with pytest.raises(Failure, match=says) as caught:
        deployments.find(places, (Scope.USER,), APP)
    assert caught.value.code == 125
