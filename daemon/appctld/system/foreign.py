# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Descriptors that a caller opened and sent to us.

They may lead to a file system that the caller runs. Every use of one can wait for it as long as the caller
likes, and closing is a use: also in a child, which closes what it inherits before it starts, and whose start
we wait for. Guarantees: nothing here waits, and between two calls of this module none of them is open in this
process. Each lies in a socket (SCM_RIGHTS, unix(7)), out of which a worker takes it, which can be ended;
closing that socket waits for nobody. Reading them, and asking what they are, is left to workers.
"""

import contextlib
import os
import socket
import threading
import time

PATIENCE = 5000  # looks at whether a number is free: the kernel frees it first, and then asks the file system
_LOOK_SECONDS = 0.0001


class Handed:
    """One descriptor that came with a call: whoever took the call closes it, unless somebody keeps it.

    One that no socket takes (a socket in sockets in sockets) is as if it were closed.
    """

    def __init__(self, number: int) -> None:
        self._socket: int | None = None
        self._kept = False
        try:
            with contextlib.suppress(OSError):
                self._socket = _sealed(number)
        finally:
            _let_go(number)

    def keep(self) -> None:
        """From now on the caller of this closes it, with `close`."""
        self._kept = True

    def drop(self) -> None:
        """Close it, unless somebody keeps it."""
        if not self._kept:
            self.close()

    def close(self) -> None:
        """Close it, once."""
        number, self._socket = self._socket, None
        if number is not None:
            os.close(number)

    def duplicate(self) -> int:
        """A socket with another of the same in it, for a worker that takes it over. Raises OSError."""
        if self._socket is None:
            raise OSError(9, "the descriptor is closed")
        taken, self._socket = self._socket, None
        number = _taken_out(taken)
        try:
            self._socket = _sealed(number)
            return _sealed(number)
        finally:
            _let_go(number)


def _sealed(number: int) -> int:
    """A socket that has a duplicate of it in its one message, and no other end. Raises OSError."""
    reading, writing = socket.socketpair()
    with reading, writing:
        socket.send_fds(writing, [b"\0"], [number])
        return reading.detach()


def _taken_out(sealed: int) -> int:
    """What lies in such a socket, which is closed. Raises OSError."""
    with socket.socket(fileno=sealed) as reading:
        _, (number,), _, _ = socket.recv_fds(reading, 1, 1)
    return number


def _let_go(number: int) -> None:
    """Close a caller's descriptor in a thread, which may wait; its number is free when this returns.

    A thread is left for each whose file system does not answer, until that ends; where there can be none, we
    wait.
    """
    os.set_inheritable(number, True)  # noqa: FBT003 - a mark: whatever gets that number next has it not
    try:
        threading.Thread(target=os.close, args=(number,), daemon=True).start()
    except RuntimeError:
        os.close(number)
    for _ in range(PATIENCE):
        if _is_free(number):
            return
        time.sleep(_LOOK_SECONDS)


def _is_free(number: int) -> bool:
    try:
        return not os.get_inheritable(number)
    except OSError:
        return True
