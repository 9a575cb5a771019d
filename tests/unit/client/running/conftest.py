# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Apps run here, and an app has a `/dev` of its own: what tests grant it must not lie in /dev/shm."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machines.deployments import APP, Made


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory on the disk, wherever the other tests have theirs."""
    with tempfile.TemporaryDirectory(prefix="appctl-app.", dir="/tmp", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's directories, below that one."""
    for name, place in (
        ("HOME", "home"),
        ("XDG_DATA_HOME", "home/.local/share"),
        ("XDG_CONFIG_HOME", "home/.config"),
        ("XDG_STATE_HOME", "home/.local/state"),
        ("XDG_RUNTIME_DIR", "runtime"),
    ):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(tmp_path / place))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A deployment of APP in the user scope, to be written."""
    return Made(tmp_path / "home/.local/share/appctl", APP)


@pytest.fixture
def shell(made: Made) -> Made:
    """An ordinary image: a shell and a few programs."""
    made.programs("sh", "cat", "id", "ls", "env", "perl", "touch")
    return made.write(entrypoint=["sh", "-c"])
