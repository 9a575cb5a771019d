# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""scripts/playground around real commands, with a real dbus-daemon; the daemon itself is not needed here."""

import os
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).parents[3]


def playground(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [TOP / "scripts/playground", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def value(name: str, output: str) -> str:
    return next(line.removeprefix(f"{name}=") for line in output.splitlines() if line.startswith(f"{name}="))


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_exit_code_is_the_commands() -> None:
    assert playground("--", "sh", "-c", "exit 42").returncode == 42


def test_a_command_that_a_signal_ended_gives_128_and_the_signal() -> None:
    assert playground("sh", "-c", "kill -KILL $$").returncode == 137


def test_a_command_that_does_not_exist_gives_127() -> None:
    run = playground("no-such-command-here")
    assert run.returncode == 127
    assert "no-such-command-here" in run.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    assert playground("--dri", "x").returncode == 64


def test_the_environment_is_the_users_scope_and_private() -> None:
    output = playground("env").stdout
    top = Path(value("HOME", output)).parent
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"):
        assert Path(value(name, output)).parent == top
    assert value("APPCTL_SCOPE", output) == "user"
    assert value("PATH", output).split(":")[0] == str(TOP / ".venv/bin")
    data = value("XDG_DATA_HOME", output)
    assert value("XDG_DATA_DIRS", output) == f"/usr/local/share:/usr/share:{data}/appctl/exports/share"
    assert value("DBUS_SESSION_BUS_ADDRESS", output) == f"unix:path={value('XDG_RUNTIME_DIR', output)}/bus"


def test_the_runtime_directory_is_the_callers_alone() -> None:
    assert playground("sh", "-c", "stat -c %a:%u $XDG_RUNTIME_DIR").stdout.strip() == f"700:{os.getuid()}"


def test_the_bus_would_start_the_daemon_and_nothing_else() -> None:
    names = (
        "--dest=org.freedesktop.DBus",
        "/org/freedesktop/DBus",
        "org.freedesktop.DBus.ListActivatableNames",
    )
    run = playground("dbus-send", "--session", "--print-reply", *names)
    found = [line.split('"')[1] for line in run.stdout.splitlines() if "string" in line]
    assert found == ["org.freedesktop.DBus", "org.appctl.Installer1"]


def test_a_temporary_directory_is_gone_at_the_end() -> None:
    output = playground("sh", "-c", "mkdir -m 0 $HOME/locked; touch $TMPDIR/x; env").stdout
    assert not Path(value("HOME", output)).parent.exists()
    assert not Path(value("XDG_RUNTIME_DIR", output)).exists()


def test_a_given_directory_persists(tmp_path: Path) -> None:
    assert playground("--dir", tmp_path / "play", "sh", "-c", "echo kept >$HOME/note").returncode == 0
    assert playground(f"--dir={tmp_path}/play", "sh", "-c", "cat $HOME/note").stdout == "kept\n"


def test_two_sessions_never_share_a_directory(tmp_path: Path) -> None:
    inner = f"{TOP}/scripts/playground --dir {tmp_path} true || exit 9"
    run = playground("--dir", tmp_path, "sh", "-c", inner)
    assert run.returncode == 9
    assert "another playground uses" in run.stderr


def test_nothing_is_left_running() -> None:
    run = playground("sh", "-c", "setsid sh -c 'trap : TERM; while :; do sleep 1; done' & echo orphan=$!")
    assert not alive(value("orphan", run.stdout))


def test_a_terminated_playground_takes_everything_along(tmp_path: Path) -> None:
    script = "echo $$ >$XDG_DATA_HOME/pid; exec sleep 1000"
    command = [str(TOP / "scripts/playground"), "--dir", str(tmp_path), "sh", "-c", script]
    with subprocess.Popen(command) as process:
        note = tmp_path / "data/pid"
        while not (note.exists() and note.read_text()):
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        assert process.wait() == 143
    assert not alive(note.read_text().strip())
