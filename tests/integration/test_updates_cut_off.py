# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The timer's update, cut off while half of a layer is here: killed, and asleep. What is here stays here.

Of the two layers of the new version the first is whole by then. What becomes of a daemon that is killed at
any other moment: test_faults_inside.py.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.descriptors import descendants
from support.layers.layers import tar
from support.layers.tarball import archive, entry
from support.machines.halfway import halfway
from support.machines.machine import Machine
from support.publishers.stand import Layer, Shown, Stand
from support.servers.fake_registry import Reply
from support.signatures.keys import Keys

APP = "org.acme.Hello"
TIMER = ("--user", "update", "--background", "--noninteractive")
SIZE = 8 << 20  # many times what any part on the way holds back
PATIENCE = 60.0  # seconds on a busy machine until something must have happened
NOT_NOW = 75
BEFORE: Layer = ("none", tar(("usr/", "usr/version = 1")))
SMALL: Layer = ("none", tar(("usr/", "usr/version = 2")))
LARGE: Layer = ("none", archive(entry(b"large", content=os.urandom(SIZE))))


@dataclass(frozen=True)
class Bed:
    """A machine with version 1 of an app, and version 2 at its publisher's: the second layer comes half."""

    machine: Machine
    stand: Stand
    small: Shown
    large: Shown
    wakes: threading.Event

    def version(self) -> str:
        """What is installed."""
        return str(self.machine.appctl("--user", "info", APP, "--json").json["version"])

    def asked(self) -> tuple[int, int]:
        """How often the new layers were asked for."""
        return len(self.stand.asked(self.small.path)), len(self.stand.asked(self.large.path))

    def has_half(self) -> bool:
        """Whether the one layer is here whole, as a blob or as a commit, and much of the other."""
        if not self._much_has_come():
            return False
        blobs = {path.name for path in self.machine.state.glob("blobs/**/*")}
        refs = {ref.rpartition("/")[2] for ref in self.machine.refs()}
        return bool({self.small.hex} & blobs | {self.small.diff_id} & refs)

    def _much_has_come(self) -> bool:
        for path in self.machine.state.glob("blobs/*/.unverified-*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size > SIZE // 8:
                    return True
        return False

    def halfway(self) -> AbstractContextManager[subprocess.Popen[str]]:
        """What the timer calls, while half is here and no more comes."""
        return halfway(self.machine, TIMER, self.has_half)


def offer(stand: Stand, name: str, version: int, layers: list[Layer]) -> list[Shown]:
    labels = {"org.appctl.id": APP, "org.opencontainers.image.version": str(version)}
    return stand.put(name, layers, created=f"2024-01-0{version}T00:00:00Z", labels=labels)


@pytest.fixture(scope="module")
def stand(keys: Keys) -> Iterator[Stand]:
    with Stand(keys) as stand:
        yield stand


@pytest.fixture
def machine(lent: Machine) -> Machine:
    return lent


@pytest.fixture
def bed(machine: Machine, stand: Stand, tmp_path: Path) -> Bed:
    """Each in a repository of its own: of another test's, a machine has seen the second version."""
    file, place = tmp_path / "stand.gpg", tmp_path.name.lower().replace("_", "-")
    file.write_bytes(stand.keyring)
    machine.add_remote("acme", f"oci+http://{stand.host}/{place}", file, stand.lookaside)
    offer(stand, f"{place}/hello:1", 1, [BEFORE])
    machine.appctl("--user", "install", "-y", f"{stand.host}/{place}/hello:1")
    stand.seen.clear()
    (small, large), wakes = offer(stand, f"{place}/hello:1", 2, [SMALL, LARGE]), threading.Event()
    stand.on(large.path, Reply(body=LARGE[1], until=wakes), Reply(body=LARGE[1]))
    return Bed(machine, stand, small, large, wakes)


@pytest.mark.parametrize("policy", ["download", "install"])
def test_one_that_is_killed_halfway_leaves_the_old_version_and_the_next_fetches_no_whole_layer_again(
    bed: Bed, policy: str
) -> None:
    bed.machine.appctl("--user", "automatic", policy)
    with bed.halfway() as timer:
        bed.machine.stop(kill=True)
        timer.communicate(timeout=PATIENCE)
        assert timer.returncode
    bed.machine.start()
    bed.machine.fsck()
    assert (bed.version(), bed.asked()) == ("1", (1, 1))
    bed.machine.appctl(*TIMER)
    assert (bed.version(), bed.asked()) == ("2" if policy == "install" else "1", (1, 2))
    bed.machine.appctl("--user", "automatic", "install")  # as it was
    bed.machine.appctl(*TIMER)
    assert (bed.version(), bed.asked()) == ("2", (1, 2))


@contextmanager
def asleep(bed: Bed, timer: subprocess.Popen[str]) -> Iterator[None]:
    """For the length of the block none of our processes does anything."""
    assert bed.machine.daemon is not None
    daemon = bed.machine.daemon.pid
    everybody = [timer.pid, daemon, *descendants(daemon)]
    for process in everybody:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in everybody:
            os.kill(process, signal.SIGCONT)


def test_one_that_sleeps_halfway_goes_on_where_it_was(bed: Bed) -> None:
    with bed.halfway() as timer:
        with asleep(bed, timer):
            bed.wakes.set()
        timer.communicate(timeout=PATIENCE)
        assert timer.returncode == 0
    assert (bed.version(), bed.asked()) == ("2", (1, 1))


def test_one_whose_line_is_dead_when_it_wakes_leaves_the_rest_to_the_next(bed: Bed) -> None:
    dead = Reply(body=LARGE[1][: SIZE // 2], length=len(LARGE[1]), until=bed.wakes)
    bed.stand.on(bed.large.path, dead, Reply(body=LARGE[1]))
    with bed.halfway() as timer:
        with asleep(bed, timer):
            bed.wakes.set()
        timer.communicate(timeout=PATIENCE)
        assert timer.returncode == NOT_NOW
    bed.machine.appctl(*TIMER)
    assert (bed.version(), bed.asked()) == ("2", (1, 2))
