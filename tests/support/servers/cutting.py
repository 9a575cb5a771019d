# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A line that breaks: what goes through it to a server is cut off where a test says.

    with CuttingLine(registry.host) as line:
        line.cut_after(1_000_000)
        ... use line.host

The first connection that carries more than so many bytes towards the server is closed there; others are
whole.
"""

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_PIECE = 1 << 16


class CuttingLine:
    """`host` is `127.0.0.1:PORT`, whatever is said there goes to `target`; `cuts` counts what was cut."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.host}"
        self.cuts = 0
        self._limits: list[int] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def cut_after(self, *counts: int) -> None:
        """Cut so many connections, each after so many bytes of what is sent on it."""
        with self._lock:
            self._limits = list(counts)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=_pump, args=(server, client, _always), daemon=True)
            back.start()
            _pump(client, server, self._may_go_on)
            for end in (client, server):
                _close(end)
            back.join()

    def _may_go_on(self, count: int) -> bool:
        with self._lock:
            if not self._limits or count <= self._limits[0]:
                return True
            self._limits.pop(0)
            self.cuts += 1
            return False


def _pump(source: socket.socket, sink: socket.socket, may_go_on: Callable[[int], bool]) -> None:
    count = 0
    try:
        while data := source.recv(_PIECE):
            count += len(data)
            if not may_go_on(count):
                return
            sink.sendall(data)
    except OSError:
        return


def _always(_count: int) -> bool:
    return True


def _close(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
