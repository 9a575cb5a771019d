# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a portal finds of an app that runs: bubblewrap's own word, by the name that /.flatpak-info gives."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.running.desktop import portals
from support.buses.bus import private_bus
from support.machines.runtimes import APP, change_tool, platform, tool

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The runtime directory of a caller who has a session bus and the app."""
    for name, place in (("HOME", "home"), ("XDG_RUNTIME_DIR", "runtime")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(name, str(tmp_path / place))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    platform(tmp_path / "home/.local/share/appctl", "sh", "cat", "ls")
    change_tool(tool(tmp_path / "home/.local/share/appctl"))
    with private_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield tmp_path / "runtime"


@contextmanager
def waiting(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The app, which waits for a line, and what it said before."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "appctl", "run", *words]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        said = "".join(iter(child.stdout.readline, "up\n"))
        try:
            yield child, said
        finally:
            child.stdin.close()


def instances(runtime: Path) -> list[str]:
    return [path.name for path in (runtime / ".flatpak").glob("*")]


def test_a_portal_finds_the_first_process_by_the_name_that_the_app_has(runtime: Path) -> None:
    with waiting(APP, "cat /.flatpak-info; echo up; read line") as (child, info):
        (name,) = instances(runtime)
        assert f"instance-id={name}" in info.splitlines()
        assert name == f"appctl-{child.pid}"
        told = json.loads((runtime / ".flatpak" / name / "bwrapinfo.json").read_bytes())
        assert Path(f"/proc/{told['child-pid']}/root/.flatpak-info").read_text() == info
        space = Path(f"/proc/{told['child-pid']}/ns/pid").readlink()
        assert str(space) == f"pid:[{told['pid-namespace']}]"
    assert instances(runtime) == []


def test_what_flatpak_has_there_stays(runtime: Path) -> None:
    (runtime / ".flatpak/7").mkdir(parents=True)
    assert main(["run", APP, "true"]) == 0
    assert instances(runtime) == ["7"]


def test_the_app_cannot_change_it(runtime: Path, capfd: pytest.CaptureFixture[str]) -> None:
    grant = f"--filesystem={runtime.parent}"
    assert main(["run", grant, APP, f"ls -A {runtime}; ls /proc/self/fd"]) == 0
    assert capfd.readouterr().out.split() == ["0", "1", "2", "3"]  # 3 is the directory that ls reads


def test_what_a_kill_left_goes_when_somebody_looks(runtime: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with waiting(APP, "echo up; read line") as (child, _):
        child.kill()
        child.wait()
    assert instances(runtime) == [f"appctl-{child.pid}"]
    assert main(["ps"]) == 0
    assert (capfd.readouterr().out, instances(runtime)) == ("", [])


def test_nothing_of_what_a_kill_left_is_read_as_the_next_ones(tmp_path: Path) -> None:
    file = tmp_path / ".flatpak/appctl-7/bwrapinfo.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"child-pid": 1, "pid-namespace": 2}')
    with portals.found(tmp_path, 7) as descriptor:
        os.write(descriptor, b"{}")
        assert file.read_text() == "{}"


def test_who_has_no_bus_is_not_looked_for(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    assert main(["run", APP, "true"]) == 0
    assert not (runtime / ".flatpak").exists()


def test_where_nothing_can_be_made_is_our_failure(runtime: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runtime / ".flatpak").write_bytes(b"")
    assert main(["run", APP, "true"]) == 125
    assert f"{runtime}/.flatpak" in capsys.readouterr().err
