# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl monitor` beside a real daemon: what happens is told, by whomever it was done, across a restart."""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from json_schemas import schemas
from support.layers.tarball import archive, entry
from support.machines.machine import BIN, Machine
from support.servers.shelf import Shelf

PATIENCE = 60.0  # seconds on a busy machine until something must have happened
Event = dict[str, Any]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all but the last, which loses its bus."""
    with Machine(tmp_path_factory.mktemp("monitor") / "machine", measured=False) as running:
        yield running
        running.fsck()


@contextmanager
def monitoring(machine: Machine, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """`appctl monitor`; its first line has come."""
    command = [str(BIN / "appctl"), "monitor", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=machine.environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: "subprocess.Popen[str]", wanted: Callable[[Event], bool]) -> list[Event]:
    """Every event up to the one that is wanted."""
    assert process.stdout is not None
    seen: list[Event] = []
    for line in process.stdout:
        event = json.loads(line)
        jsonschema.validate(event, schemas()["event"], cls=jsonschema.Draft202012Validator)
        seen.append(event)
        if wanted(event):
            return seen
    raise AssertionError(f"it ended: {seen}")


def is_job(event: Event, state: str) -> bool:
    return (event["event"], event.get("state")) == ("job", state)


def installed_in(seen: list[Event]) -> list[Event]:
    return [event for event in seen if is_job(event, "succeeded") and event["kind"] == "install"]


def test_what_others_do_is_told_across_a_daemons_restart(machine: Machine) -> None:
    with Shelf() as shelf, monitoring(machine, "--json") as process:
        until(process, lambda event: event["event"] == "daemon" and event["running"])
        machine.add_remote("acme", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
        assert until(process, lambda event: event["event"] == "remotes-changed")[-1]["names"] == ["acme"]
        image = shelf.put("demo/app", [archive(entry(b"file", content=b"x" * 5000))])
        app = machine.appctl("install", "-y", image.reference, "--json").json["id"]
        seen: list[Event] = []  # a job is asked about, so that its end may be told before what was heard
        while not (installed_in(seen) and any(event["event"] == "apps-changed" for event in seen)):
            seen += until(process, lambda _event: True)
        (changed,) = [event for event in seen if event["event"] == "apps-changed"]
        assert changed["ids"] == [app]
        (job,) = installed_in(seen)
        assert (job["refs"], job["percent"], job["scope"]) == ([image.reference], 100, "user")
        machine.stop()
        until(process, lambda event: event["event"] == "daemon" and not event["running"])
        machine.start()
        until(process, lambda event: event["event"] == "daemon" and event["running"])
        machine.appctl("install", "-y", f"{shelf.host}/demo/none@sha256:{'0' * 64}", code=3)
        failed = until(process, lambda event: is_job(event, "failed"))[-1]
        assert failed["error_name"].endswith(".NotFound")
        machine.appctl("uninstall", "-y", app)
        until(process, lambda event: event["event"] == "apps-changed")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == ""
    for line in out.splitlines():
        json.loads(line)


def test_a_download_is_followed_by_its_bytes(machine: Machine) -> None:
    large = archive(entry(b"large", content=bytes(range(256)) * (8 << 12)))
    with Shelf() as shelf, monitoring(machine, "--json") as process:
        machine.add_remote("slow", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
        image = shelf.put("demo/slow", [archive(entry(b"small", content=b"small")), large])
        shelf.stall_once(image.layers[1])
        command = [str(BIN / "appctl"), "install", "-y", image.reference]
        with subprocess.Popen(command, env=machine.environment, stderr=subprocess.DEVNULL) as installing:
            try:
                job = until(process, lambda event: event.get("bytes_done", 0) > 0)[-1]
                assert (job["state"], job["kind"]) == ("running", "install")
                assert job["bytes_done"] < job["bytes_total"]
                machine.appctl("cancel", str(job["number"]))
                assert until(process, lambda event: is_job(event, "cancelled"))[-1]["number"] == job["number"]
                assert installing.wait(PATIENCE) == 130
            finally:
                installing.kill()


def test_for_people_it_is_lines(machine: Machine) -> None:
    with monitoring(machine) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("user: a daemon runs\n")
        machine.appctl("prune", "-y")
        assert any(re.search(r"user: job \d+ \(Prune\) succeeded", line) for line in process.stdout)


def test_it_follows_a_daemon_that_is_not_there_yet_and_starts_none(machine: Machine) -> None:
    machine.stop()
    with monitoring(machine, "--json") as process:
        assert not until(process, lambda event: event["event"] == "daemon")[-1]["running"]
        machine.start()
        until(process, lambda event: event["event"] == "daemon" and event["running"])


def test_when_nobody_reads_any_more_it_ends_at_once_and_without_a_word(machine: Machine) -> None:
    """Nothing happens that it could tell: it notices all the same."""
    with monitoring(machine, "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        process.wait(PATIENCE)
        assert process.stderr.read() == ""


def test_a_bus_that_goes_away_is_an_end_that_is_told(tmp_path: Path) -> None:
    with Machine(tmp_path / "machine", measured=False) as machine, monitoring(machine, "--json") as process:
        until(process, lambda event: event["event"] == "daemon")
        assert machine.daemon is not None
        machine._stack.close()  # the bus
        (end,) = until(process, lambda event: event["event"] == "end")[-1:]
        assert end["error"]["name"] == "DaemonUnavailable"
        assert process.wait(PATIENCE) == 1
        machine.daemon.wait(PATIENCE)
        machine.daemon = None
