# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl ps` and `appctl kill`, with apps that run; and files that only say that one does."""

import fcntl
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.images.greeter import APP_ID
from support.machines.machine import BIN, Machine

PATIENCE = 60.0  # seconds on a busy machine until something must have happened
TERMINATED = 128 + 15


@pytest.fixture
def home(settled: Machine) -> Machine:
    return settled


@contextmanager
def waiting(machine: Machine) -> Iterator[subprocess.Popen[bytes]]:
    """The app, which waits for a line that never comes."""
    command = [str(BIN / "appctl"), "run", "--command=/bin/sh", "greeter", "-c", "echo here; read line"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=machine.environment, stdin=pipe, stdout=pipe) as app:
        assert app.stdout is not None
        try:
            assert app.stdout.readline() == b"here\n"
            yield app
        finally:
            app.kill()


def files(machine: Machine) -> list[Path]:
    return sorted((machine.directory / "run/appctl").glob("*.json"))


def pids(machine: Machine) -> list[int]:
    return [instance["pid"] for instance in machine.appctl("ps", "--json").json]


def test_what_runs_is_listed_and_ended_by_number_or_name(home: Machine) -> None:
    assert home.appctl("ps").out == ""
    with waiting(home) as first, waiting(home) as second:
        assert set(pids(home)) == {first.pid, second.pid}
        shown = home.appctl("ps").out
        assert APP_ID in shown
        assert str(second.pid) in shown
        assert home.appctl("kill", str(first.pid)).out == f"Stopped {APP_ID} ({first.pid}).\n"
        assert first.wait(PATIENCE) == TERMINATED
        assert pids(home) == [second.pid]
        assert home.appctl("kill", "greeter", "--json").json["stopped"][0]["id"] == APP_ID
        assert second.wait(PATIENCE) == TERMINATED
    assert (pids(home), files(home)) == ([], [])


def test_one_name_that_means_nothing_ends_nothing(home: Machine) -> None:
    with waiting(home) as app:
        ran = home.appctl("kill", APP_ID, "org.acme.Nothing", code=3)
        assert "org.acme.Nothing does not run" in ran.err
        assert pids(home) == [app.pid]


def test_what_a_kill_left_is_not_listed(home: Machine) -> None:
    with waiting(home) as app:
        app.kill()
        app.wait(PATIENCE)
        assert f"{app.pid}.json" in [file.name for file in files(home)]
        assert home.appctl("kill", "greeter", code=3).out == ""
        assert (pids(home), files(home)) == ([], [])


def test_who_is_only_said_to_run_is_never_signalled(home: Machine) -> None:
    """Such as whoever got the number of an app that was killed."""
    with subprocess.Popen(["sleep", "60"]) as other:
        file = home.directory / "run/appctl" / f"{other.pid}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"pid": other.pid, "id": APP_ID, "started": 1}))
        home.appctl("kill", str(other.pid), code=3)
        assert other.poll() is None
        assert not file.exists()
        other.kill()


def test_files_that_make_no_sense_are_passed_over(home: Machine) -> None:
    """Somebody holds each, as if an app ran."""
    contents = ["", "[]", "{}", '{"pid": 1}', "[" * 50_000, "\xff"]
    directory = home.directory / "run/appctl"
    directory.mkdir(exist_ok=True)
    with ExitStack() as stack:
        made = {directory / f"{4194305 + number}.json": content for number, content in enumerate(contents)}
        for file, content in made.items():
            file.write_text(content, encoding="latin-1")
            fcntl.flock(stack.enter_context(file.open()), fcntl.LOCK_EX)
        assert pids(home) == []
        home.appctl("kill", *(file.stem for file in made), code=3)
        assert files(home) == sorted(made)
    for file in made:
        file.unlink()


def test_without_a_runtime_directory_nothing_is_known(home: Machine) -> None:
    environment = {name: value for name, value in home.environment.items() if name != "XDG_RUNTIME_DIR"}
    command = [str(BIN / "appctl"), "ps", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
