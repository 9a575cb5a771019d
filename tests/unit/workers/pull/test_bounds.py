# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a pull may use: bytes, files, free space, memory, patience."""

import errno
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import appctld
from appctld.errors import AppctlError, LimitExceeded, NoSpace, RegistryUnavailable
from appctld.workers.net import pace
from appctld.workers.pull import bounds
from appctld.workers.pull.bounds import Watch, bounded_files

LATE = 60.0
HOUR = 3600.0


def watch(
    directory: Path, limit: int = 1000, host: str | None = None, received: int = 0
) -> tuple[Watch, threading.Event]:
    stopped = threading.Event()
    return (
        Watch(
            directory, limit, host=host, received=lambda: received, stop=stopped.set, report=lambda _: None
        ),
        stopped,
    )


def stops(directory: Path, host: str | None = None, received: int = 0) -> AppctlError:
    """The failure that ends a pull while it runs, and again when its block is left."""
    watching, stopped = watch(directory, host=host, received=received)
    with pytest.raises(AppctlError) as raised, watching:
        assert stopped.wait(LATE)
    assert raised.value is watching.failure
    return raised.value


def test_more_bytes_than_it_may_have(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * 1001)
    assert isinstance(stops(tmp_path), LimitExceeded)


def test_files_without_a_name_count(tmp_path: Path) -> None:
    watching, stopped = watch(tmp_path)
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(b"x" * 1001)
        file.flush()
        with pytest.raises(LimitExceeded), watching:
            assert stopped.wait(LATE)


def test_files_that_were_open_before_do_not_count(tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(b"x" * 1001)
        file.flush()
        stopped, measured = threading.Event(), threading.Event()
        with Watch(
            tmp_path, 1000, host=None, received=lambda: 0, stop=stopped.set, report=lambda _: measured.set()
        ):
            assert measured.wait(LATE)
        assert not stopped.is_set()


def test_what_lies_elsewhere_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"x" * 1001)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "directory").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "file").symlink_to(tmp_path / "elsewhere" / "file")
    with watch(tmp_path / "here")[0]:
        pass


def test_what_is_there_at_the_end_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "TICK_SECONDS", HOUR)
    with pytest.raises(LimitExceeded), watch(tmp_path)[0]:
        (tmp_path / "file").write_bytes(b"x" * 1001)
    (tmp_path / "file").write_bytes(b"x" * 900)
    watching, stopped = watch(tmp_path)
    with watching:
        pass
    assert not stopped.is_set()
    assert 900 <= watching.stored <= 1000


def test_more_files_than_it_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "FILES", 3)
    for number in range(4):
        (tmp_path / str(number)).touch()
    assert isinstance(stops(tmp_path), LimitExceeded)


def test_a_server_that_sends_without_end(tmp_path: Path) -> None:
    assert isinstance(stops(tmp_path, "ostree.example", 1001 + bounds.OVERHEAD_BYTES), LimitExceeded)


def test_the_reserve_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "RESERVE_PERCENT", 101)
    assert isinstance(stops(tmp_path), NoSpace)


def test_a_server_that_drips_is_given_up_and_a_disk_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FLOOR_SECONDS", 0.001)
    assert isinstance(stops(tmp_path, "ostree.example"), RegistryUnavailable)
    told = threading.Event()
    with Watch(
        tmp_path, 1000, host=None, received=lambda: 0, stop=told.set, report=lambda _: told.set()
    ) as watching:
        assert told.wait(LATE)
    assert watching.failure is None


def raise_after(stopped: threading.Event) -> None:
    assert stopped.wait(LATE)
    raise ZeroDivisionError


def test_whoever_left_the_block_is_watched_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the thread finds late counts, and it touches nothing once the quarantine is somebody else's."""
    monkeypatch.setattr(bounds, "TICK_SECONDS", 0.0)
    reporting = threading.Event()

    def slowly(_facts: object) -> None:
        reporting.set()
        time.sleep(0.1)

    with Watch(tmp_path, 1000, host=None, received=lambda: 0, stop=lambda: None, report=slowly) as watching:
        assert reporting.wait(LATE)
    assert not watching._thread.is_alive()


def test_an_error_of_the_block_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1001)
    watching, stopped = watch(tmp_path)
    with pytest.raises(ZeroDivisionError), watching:
        raise_after(stopped)


def test_no_file_grows_beyond_the_limit(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE), os.environ.get("TMPDIR")
    with bounded_files(tmp_path, 1000):
        assert os.environ["TMPDIR"] == str(tmp_path)
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            (tmp_path / "file").write_bytes(b"x" * 5000)
    assert (resource.getrlimit(resource.RLIMIT_FSIZE), os.environ.get("TMPDIR")) == before
    (tmp_path / "file").write_bytes(b"x" * 5000)


def test_memory_is_bounded() -> None:
    program = (
        "from appctld.workers.pull.bounds import MEMORY_BYTES, bound_memory\nbound_memory()\n"
        "try: bytearray(MEMORY_BYTES)\nexcept MemoryError: print('refused')"
    )
    code = str(Path(appctld.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": code},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout == b"refused\n"
