# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What others see of the daemon while it is attacked: round trips of a simple call, and what it takes.

A caller of its own asks for a property, and in turns asks the bus itself for its id: what the second takes is
the bus's, busy with passing the flood on, and not the daemon's.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jeepney import MessageType
from jeepney.io.blocking import open_dbus_connection

from flooding import messages

PAUSE = 0.002  # seconds between two calls: often enough to meet every stall, and no load worth naming
LOOK = 0.02  # seconds between two looks at the memory
ANSWER = 60.0  # seconds; a daemon that takes longer counts as gone


@dataclass
class Watched:
    """Milliseconds of every round trip, and the process at its worst."""

    daemon: list[float] = field(default_factory=list)
    bus: list[float] = field(default_factory=list)
    peak_bytes: int = 0


@contextmanager
def watching(address: str, pid: int, pause: float = PAUSE) -> Iterator[Watched]:
    """Watch for the length of the block; whatever a look or a call ran into is raised at its end.

    `pause` is what lies between two calls, in seconds.
    """
    watched, ended = Watched(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(_call, address, watched, ended, pause), pool.submit(_look, pid, watched, ended)]
        try:
            yield watched
        finally:
            ended.set()
    for task in tasks:
        task.result()


def pss(pid: int) -> int:
    """Bytes of a process; a page that several share counts once in all (proc(5), smaps_rollup)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) << 10


def open_descriptors(pid: int) -> int:
    """How many it has."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _look(pid: int, watched: Watched, ended: threading.Event) -> None:
    while not ended.wait(LOOK):
        watched.peak_bytes = max(watched.peak_bytes, pss(pid))


def _call(address: str, watched: Watched, ended: threading.Event, pause: float) -> None:
    with closing(open_dbus_connection(address, auth_timeout=ANSWER)) as connection:
        while True:  # at least once, however short the attack is
            for call, times in ((messages.get_busy(), watched.daemon), (messages.get_id(), watched.bus)):
                begun = time.perf_counter()
                answer = connection.send_and_get_reply(call, timeout=ANSWER)
                times.append((time.perf_counter() - begun) * 1000)
                if answer.header.message_type is not MessageType.method_return:
                    raise RuntimeError(f"another client's call failed: {answer.body}")
            if ended.wait(pause):
                return
