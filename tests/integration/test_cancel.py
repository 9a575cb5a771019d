# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A job that is stopped in the middle of a download, by Ctrl-C and by its number; and what is left of it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from support.layers.tarball import archive, entry
from support.machines.halfway import halfway
from support.machines.machine import Machine
from support.servers.shelf import Shelf, Shelved

SIZE = 8 << 20  # many times what any part on the way holds back
SMALL = archive(entry(b"small", content=b"small"))
LARGE = archive(entry(b"large", content=os.urandom(SIZE)))
PATIENCE = 60.0  # seconds on a busy machine until something must have happened


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


@pytest.fixture
def image(shelf: Shelf, machine: Machine) -> Shelved:
    """An image of two layers, the second of which comes half."""
    machine.add_remote("slow", f"oci+http://{shelf.host}/demo", None, "", "--verify", "digest")
    image = shelf.put("demo/slow", [SMALL, LARGE])
    shelf.stall_once(image.layers[1])
    return image


def much_has_come(machine: Machine) -> bool:
    """A file of more than an eighth of the size; smaller ones come and go."""
    for path in machine.state.glob("blobs/*/.unverified-*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > SIZE // 8:
                return True
    return False


def downloading(machine: Machine, image: Shelved) -> AbstractContextManager[subprocess.Popen[str]]:
    """`appctl install`, while half of the large layer is here and no more comes."""
    return halfway(machine, ["install", "-y", image.reference], lambda: much_has_come(machine))


def jobs(machine: Machine) -> list[dict[str, Any]]:
    return [job for job in machine.appctl("jobs", "--json").json if job["kind"] == "install"]


def is_as_before(machine: Machine, shelf: Shelf, image: Shelved) -> None:
    """Nothing is left, and the same command works."""
    assert not (machine.state / "apps").exists() or not list((machine.state / "apps").iterdir())
    machine.appctl("prune", "-y")
    assert not list(machine.state.glob("blobs/*/.unverified-*"))
    assert machine.objects() == set()
    asked = len(shelf.asked(image.layers[1]))
    app = machine.appctl("install", "-y", "--json", image.reference).json["apps"][0]
    assert (Path(app["deployment"]) / "large").stat().st_size == SIZE
    assert len(shelf.asked(image.layers[1])) == asked + 1


def test_an_interrupted_install_is_cancelled_and_leaves_nothing(
    machine: Machine, shelf: Shelf, image: Shelved
) -> None:
    with downloading(machine, image) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Installed" not in out
    assert "Cancelling" in err
    assert "Traceback" not in err
    assert [job["state"] for job in jobs(machine)] == ["cancelled"]
    is_as_before(machine, shelf, image)


def test_a_second_interrupt_leaves_at_once_and_the_job_is_cancelled_all_the_same(
    machine: Machine, shelf: Shelf, image: Shelved
) -> None:
    """The daemon is held while both come, so that the first cannot have ended the job before the second."""
    assert machine.daemon is not None
    with downloading(machine, image) as process:
        machine.daemon.send_signal(signal.SIGSTOP)
        try:
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            told = iter(process.stderr.readline, "")
            assert any("again leaves at once" in line for line in told)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
        finally:
            machine.daemon.send_signal(signal.SIGCONT)
    end = time.monotonic() + PATIENCE
    while [job["state"] for job in jobs(machine)] != ["cancelled"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    is_as_before(machine, shelf, image)


def test_a_job_is_listed_while_it_runs_and_cancelled_by_its_number(
    machine: Machine, shelf: Shelf, image: Shelved
) -> None:
    with downloading(machine, image) as process:
        (job,) = jobs(machine)
        end = time.monotonic() + PATIENCE
        while not job["bytes_done"]:  # it is told now and then
            assert time.monotonic() < end, "no progress is told"
            (job,) = jobs(machine)
        assert (job["state"], job["scope"], job["cancelable"]) == ("running", "user", True)
        assert job["refs"] == [image.reference]
        assert 0 < job["bytes_done"] < job["bytes_total"] == len(SMALL) + len(LARGE)
        table = machine.appctl("jobs").out
        assert image.reference in table
        assert "running" in table
        machine.appctl("cancel", str(job["number"]))
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "cancelled" in err
    assert [found["state"] for found in jobs(machine)] == ["cancelled"]
    machine.appctl("cancel", str(job["number"]))
    is_as_before(machine, shelf, image)


def test_a_job_that_is_not_there_is_not_cancelled(machine: Machine) -> None:
    for number, code in (("4000000000", 3), ("0", 3), ("x", 64), ("-1", 64)):
        assert machine.appctl("cancel", number, code=code).err.startswith("error: ")
    assert machine.appctl("jobs").out == ""


def test_what_a_killed_daemon_was_downloading_is_swept_up(
    machine: Machine, shelf: Shelf, image: Shelved
) -> None:
    with downloading(machine, image) as process:
        machine.stop(kill=True)
        process.communicate(timeout=PATIENCE)
    assert process.returncode not in {0, 130}
    machine.start()
    assert not list(machine.state.glob("blobs/*/.unverified-*"))
    is_as_before(machine, shelf, image)
