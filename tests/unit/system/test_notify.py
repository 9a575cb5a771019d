# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/notify.py: what a service manager hears, on a real socket of the kind that it listens on."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.system.notify import Notifier
from support.services.manager import heard, listening


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    with listening(tmp_path) as both:
        yield both


def test_each_thing_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    said, address = manager
    notifier = Notifier.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"})
    notifier.ready()
    notifier.alive()
    notifier.status("Idle")
    notifier.stopping()
    notifier.linger(1.5)
    assert heard(said) == [
        "READY=1",
        "WATCHDOG=1",
        "STATUS=Idle",
        "STOPPING=1",
        "EXTEND_TIMEOUT_USEC=1500000",
    ]


def test_a_status_is_told_once(manager: tuple[socket.socket, str]) -> None:
    said, address = manager
    notifier = Notifier(address)
    for text in ("Idle", "Idle", "Jobs: 1 install", "Idle"):
        notifier.status(text)
    assert heard(said) == ["STATUS=Idle", "STATUS=Jobs: 1 install", "STATUS=Idle"]


def test_a_socket_without_a_file_is_found() -> None:
    name = f"appctl-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said:
        said.bind(f"\0{name}")
        said.settimeout(0)
        Notifier(f"@{name}").ready()
        assert heard(said) == ["READY=1"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "-5"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_pings_come_three_times_as_often_as_needed_where_they_are_wanted_from_us(
    environment: dict[str, str], seconds: float
) -> None:
    assert Notifier.of(environment).ping_seconds == seconds


def test_who_wants_no_pings_gets_none(manager: tuple[socket.socket, str]) -> None:
    said, address = manager
    Notifier(address).alive()
    assert heard(said) == []


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "nobody")):
        Notifier(address, 1.0).alive()


def test_one_that_does_not_read_stops_nobody(manager: tuple[socket.socket, str]) -> None:
    said, address = manager
    notifier = Notifier(address, 1.0)
    more = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 10  # than the kernel keeps
    for _ in range(more):
        notifier.alive()
    assert len(heard(said)) < more
    notifier.ready()
    assert heard(said) == ["READY=1"]
