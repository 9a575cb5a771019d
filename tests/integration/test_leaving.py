# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A daemon that leaves and is started again by its bus, with all that it knew; and one that is stopped."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.buses.bus import MANAGER, NAME, ROOT
from support.machines.machine import BIN, Machine
from support.people.terminal import PATIENCE


@pytest.fixture
def sleepy(tmp_path: Path) -> Iterator[Machine]:
    """One whose daemon soon leaves, and whose bus starts it on demand, as a session's does."""
    made = Machine(tmp_path / "m", measured=False)
    made.altered = "sleepy"
    services = made.directory / "services"
    services.mkdir(parents=True)
    with made:
        variables = " ".join(f"{name}={value}" for name, value in made.environment.items() if "XDG_" in name)
        command = f"/usr/bin/env {variables} PYTHONPATH={made.environment['PYTHONPATH']} {sys.executable}"
        (services / f"{NAME}.service").write_text(
            f"[D-BUS Service]\nName={NAME}\nExec={command} -m support.machines.altered sleepy\n"
        )
        yield made


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A registry that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening


def image_of(machine: Machine, port: int) -> str:
    """What may be installed from a registry that is not there."""
    machine.appctl("remote", "add", "acme", f"oci+http://127.0.0.1:{port}/acme", "--verify", "digest")
    return f"127.0.0.1:{port}/acme/x@sha256:{'3' * 64}"


def test_a_daemon_that_left_comes_back_with_all_that_it_knew(sleepy: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    address = f"--address={sleepy.environment['DBUS_SESSION_BUS_ADDRESS']}"
    install = ["Install", "asa{sv}", "1", image_of(sleepy, port), "0"]
    call = ["busctl", address, "call", NAME, ROOT, MANAGER, *install]  # it does not wait for the job
    subprocess.run(call, check=True, capture_output=True)
    assert sleepy.daemon is not None
    assert sleepy.daemon.wait(PATIENCE) == 0
    assert "Traceback" not in sleepy.log.read_text()
    end = time.monotonic() + PATIENCE
    while not (failed := sleepy.appctl("history", "--failed", "--json").json):
        assert time.monotonic() < end, "the job does not end"  # another daemon's, if the first left before it
    (event,) = failed
    assert event["error"] == "RegistryUnavailable"
    assert [remote["name"] for remote in sleepy.appctl("remote", "list", "--json").json] == ["acme"]


def test_a_daemon_that_is_stopped_ends_its_job_and_says_so(tmp_path: Path, silent: socket.socket) -> None:
    with Machine(tmp_path / "m", measured=False) as machine:
        command = [str(BIN / "appctl"), "install", "-y", image_of(machine, silent.getsockname()[1])]
        with subprocess.Popen(command, env=machine.environment, stderr=subprocess.PIPE, text=True) as client:
            connection, _ = silent.accept()
            with connection:
                assert machine.daemon is not None
                machine.daemon.terminate()
                assert machine.daemon.wait(PATIENCE) == 0
            _, told = client.communicate(timeout=PATIENCE)
        assert (client.returncode, "the daemon was stopped" in told) == (130, True)
        machine.start()  # nobody holds the state any more
