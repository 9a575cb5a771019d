# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Jobs that outlive who asked for them: left alone, joined, lost and found again."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.layers.tarball import archive, entry
from support.machines.machine import BIN, Machine
from support.people.terminal import PATIENCE, Terminal
from support.servers.fake_registry import Reply, Seen
from support.servers.shelf import Shelf, Shelved

LAYER = archive(entry(b"file", content=b"content" * 1000))
CTRL_C = "\x03"


class Held(Shelf):
    """A shelf that keeps its layers to itself until `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.layer = ""

    def answer(self, request: Seen) -> Reply:
        if request.path == self.layer:
            self.gate.wait(PATIENCE)
        return super().answer(request)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("detach") / "machine", measured=False) as machine:
        yield machine


@pytest.fixture
def shelf() -> Iterator[Held]:
    with Held() as shelf:
        yield shelf
        shelf.gate.set()


@pytest.fixture
def image(machine: Machine, shelf: Held, request: pytest.FixtureRequest) -> Iterator[Shelved]:
    """An image of an ID of this test's own, whose layer does not come yet."""
    remote = f"r{abs(hash(request.node.name)) % 10**8}"
    machine.add_remote(remote, f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
    image = shelf.put("demo/app", [LAYER], {"org.appctl.id": f"org.example.{remote}.App"})
    shelf.layer = image.layers[0]
    yield image
    shelf.gate.set()
    for job in installs(machine, image):
        machine.appctl("cancel", str(job["number"]), code=None)
    machine.appctl("uninstall", "-y", f"org.example.{remote}.App", code=None)
    machine.appctl("remote", "remove", remote)


def installs(machine: Machine, image: Shelved) -> list[dict[str, Any]]:
    jobs = machine.appctl("jobs", "--json").json
    return [job for job in jobs if job["kind"] == "install" and job["refs"] == [image.reference]]


def client(machine: Machine, image: Shelved) -> "subprocess.Popen[str]":
    """`appctl install`, at the download."""
    words = [str(BIN / "appctl"), "install", "-y", "--json", "--progress=json", image.reference]
    pipe = subprocess.PIPE
    started = subprocess.Popen(words, env=machine.environment, stdout=pipe, stderr=pipe, text=True)
    assert started.stderr is not None
    for line in started.stderr:
        told = json.loads(line)["progress"]
        if told.get("stage") == "downloading" and told["title"].startswith("Install "):
            return started
    raise AssertionError(started.communicate())


def finished(machine: Machine, image: Shelved) -> dict[str, Any]:
    """The one job, at its end."""
    end = time.monotonic() + PATIENCE
    while True:
        (job,) = installs(machine, image)
        if job["state"] not in {"queued", "running"}:
            return job
        assert time.monotonic() < end, job
        time.sleep(0.05)


def test_two_clients_that_ask_for_the_same_share_a_job_and_a_download(
    machine: Machine, shelf: Held, image: Shelved
) -> None:
    first, second = client(machine, image), client(machine, image)
    assert len(installs(machine, image)) == 1
    shelf.gate.set()
    for each in (first, second):
        out, err = each.communicate(timeout=PATIENCE)
        assert each.returncode == 0, err
        assert json.loads(out)["changed"] is True
    assert len(shelf.asked(image.layers[0])) == 1
    assert len(installs(machine, image)) == 1


def test_a_job_outlives_its_client_and_is_found_again(machine: Machine, shelf: Held, image: Shelved) -> None:
    first = client(machine, image)
    first.kill()
    first.communicate()
    second = client(machine, image)
    shelf.gate.set()
    second.communicate(timeout=PATIENCE)
    assert second.returncode == 0
    assert len(shelf.asked(image.layers[0])) == 1
    assert [job["state"] for job in installs(machine, image)] == ["succeeded"]


def test_who_leaves_a_shared_job_takes_nothing_from_the_other(
    machine: Machine, shelf: Held, image: Shelved
) -> None:
    first = client(machine, image)
    with Terminal([str(BIN / "appctl"), "install", "-y", image.reference], machine.environment) as second:
        second.until("Install 127.")  # the bar of that job
        second.type(CTRL_C)
        assert second.end() == 130
    assert "the job goes on" in "\n".join(second.lines())
    assert [job["state"] for job in installs(machine, image)] == ["running"]
    shelf.gate.set()
    first.communicate(timeout=PATIENCE)
    assert first.returncode == 0


def test_a_detached_job_goes_on_and_stays_to_be_asked_about(
    machine: Machine, shelf: Held, image: Shelved
) -> None:
    ran = machine.appctl("install", "-y", "-d", image.reference)
    (job,) = installs(machine, image)
    assert ran.out.splitlines()[-1] == f"/org/appctl/Installer1/job/{job['number']}"
    assert job["state"] in {"queued", "running"}
    document = machine.appctl("install", "-y", "--detach", "--json", image.reference).json
    assert document["jobs"] == [f"/org/appctl/Installer1/job/{job['number']}"], "it is the same one"
    assert (document["changed"], document["errors"]) == (False, [])
    shelf.gate.set()
    assert finished(machine, image)["state"] == "succeeded"
    assert machine.appctl("install", "-y", image.reference).out.endswith("is installed already.\n")


def test_a_detached_job_that_fails_says_so_when_it_is_asked(
    machine: Machine, shelf: Held, image: Shelved
) -> None:
    machine.appctl("install", "-y", "-d", image.reference)
    shelf.on(image.layers[0], Reply(404))
    shelf.gate.set()
    job = finished(machine, image)
    assert (job["state"], job["error_name"].rpartition(".")[2]) == ("failed", "NotFound")


def test_what_checks_and_tidies_up_is_left_too(machine: Machine) -> None:
    for words in (["verify"], ["prune"], ["remote", "refresh"]):
        machine.appctl(*words, "-d")
    kinds = {"verify", "prune", "refresh"}
    end = time.monotonic() + PATIENCE
    while True:
        jobs = [job for job in machine.appctl("jobs", "--json").json if job["kind"] in kinds]
        if len(jobs) == len(kinds) and all(job["state"] == "succeeded" for job in jobs):
            return
        assert time.monotonic() < end, jobs
        time.sleep(0.05)


@pytest.mark.parametrize("words", [["install", "-d", "--from", "oci:x", "a.example/b:1"]])
def test_what_only_this_command_can_read_is_not_left_alone(machine: Machine, words: list[str]) -> None:
    assert "hint: " in machine.appctl(*words, code=64).err
