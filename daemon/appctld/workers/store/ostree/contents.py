# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The contents of one layer's files, numbered as they come; their checksums are known a little later.

Guarantees: each is stored as `Writer.file` stores one, here while there are few, and by a second process from
`begin` on (second.py); `checksum` waits for it. When the block ends all of them are whole in the transaction,
or it raises: what the second process did not say, or said otherwise than it should, is a failure, and then it
is dead and nothing may be settled. Memory is bounded by the slots. Leaves to others: what a content is for.
"""

import contextlib
import errno
import gc
import json
import mmap
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import NoReturn, Self

from appctld.errors import Failed, from_wire
from appctld.workers.store.kernel import leaf, translated
from appctld.workers.store.ostree import second
from appctld.workers.store.ostree.objects import FileHead, stored
from appctld.workers.store.ostree.second import COUNT, RECORDS, SLOT_BYTES, SLOTS, Mark, record
from appctld.workers.store.ostree.staging import Data, check_size
from appctld.workers.store.ostree.writer import SMALL_FILE, Writer
from appctld.workers.store.space import Room

_CHECKSUM = 32  # bytes of a SHA-256
_NO_ROOM = {errno.EAGAIN, errno.ENOMEM}  # for another process, of a limit or of memory
_GONE = "the process that writes objects ended before it had written them"


class Contents:
    """A context manager. Its methods raise what `Writer.file` raises, of an earlier content too."""

    def __init__(self, writer: Writer, room: Room) -> None:
        self._writer = writer
        self._room = room
        self._second: _Second | None = None
        self._checksums = bytearray()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._second is None:
            return
        try:
            if kind is None:
                self._writer.written += self._second.finish()
        finally:
            self._second.close()

    def begin(self) -> None:
        """Let a second process write what comes from now on, where there is a core and room for it."""
        if self._second is not None or not _useful():
            return
        try:
            self._second = _Second(self._writer.twin(self._room), self._checksums)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise leaf(error, "starting the process that writes objects", Failed) from error

    def add(self, head: FileHead, size: int, chunks: Iterable[Data]) -> int:
        """Store a regular file's content; its number."""
        number = self._count
        self._count += 1
        if self._second is None:
            self._checksums += bytes.fromhex(self._writer.file(head, size, chunks))
        else:
            self._second.add(head, size, chunks)
        return number

    def checksum(self, number: int) -> bytes:
        """The checksum of the object that this content became."""
        end = (number + 1) * _CHECKSUM
        while self._second is not None and len(self._checksums) < end:
            self._second.hear()
        return bytes(self._checksums[end - _CHECKSUM : end])


class _Second:
    """The first process's end of the second one; what that answers is added to `checksums`."""

    def __init__(self, writer: Writer, checksums: bytearray) -> None:
        self._checksums = checksums
        memory = memoryview(mmap.mmap(-1, SLOTS * SLOT_BYTES))
        self._slots = [memory[at * SLOT_BYTES : (at + 1) * SLOT_BYTES] for at in range(SLOTS)]
        self._turn = 0
        self._at = 0  # where the slot of this turn is free
        self._records: list[int] = []  # of what it holds
        self._head: FileHead | None = None  # of which the attributes are in it
        self._ended = 0  # contents that end in it
        self._due: deque[int] = deque()  # how many checksums each slot must be answered with
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.ExitStack() as unless_started, theirs:
            unless_started.callback(self._connection.close)
            self._pid = self._fork(theirs, writer)
            unless_started.pop_all()

    def _fork(self, theirs: socket.socket, writer: Writer) -> int:
        """A signal must not find the child on this stack: it would end this transaction."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            pid = os.fork()
            if not pid:
                self._child(theirs, writer)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid

    def _child(self, theirs: socket.socket, writer: Writer) -> NoReturn:
        status = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            self._connection.close()  # else it would not hear that the first process is gone
            gc.disable()  # what is made for a content is no cycle
            second.serve(theirs, self._slots, writer)
            status = 0
        finally:
            os._exit(status)

    def add(self, head: FileHead, size: int, chunks: Iterable[Data]) -> None:
        """Give a content away."""
        if size > SMALL_FILE:
            self._add_large(head, size, chunks)
            return
        self._tell(head, size)
        start = self._at
        for piece in chunks:
            end = self._at + len(piece)
            check_size(end - start, size, whole=False)
            self._slots[self._turn][self._at : end] = piece
            self._at = end
        check_size(self._at - start, size)
        self._records.append(record(Mark.WHOLE, size))
        self._ended += 1

    def _add_large(self, head: FileHead, size: int, chunks: Iterable[Data]) -> None:
        self._tell(head, 0)
        self._records.append(record(Mark.LARGE, size))
        left = size
        for piece in chunks:
            left -= len(piece)
            check_size(size - left, size, whole=False)
            self._part(piece)
        check_size(size - left, size)
        self._ended += 1

    def _part(self, piece: Data) -> None:
        done = 0
        while done < len(piece):
            if self._at == SLOT_BYTES or len(self._records) >= RECORDS:
                self._send()
            part = memoryview(piece)[done : done + SLOT_BYTES - self._at]
            self._slots[self._turn][self._at : self._at + len(part)] = part
            self._records.append(record(Mark.PART, len(part)))
            self._at += len(part)
            done += len(part)

    def _tell(self, head: FileHead, size: int) -> None:
        """Make room for a content, and let its attributes stand before it."""
        full = len(self._records) >= RECORDS - 1
        if head is self._head and not full and self._at + size <= SLOT_BYTES:
            return
        attributes = stored(head).attributes
        if full or self._at + len(attributes) + size > SLOT_BYTES:
            self._send()
        self._head = head
        self._slots[self._turn][self._at : self._at + len(attributes)] = attributes
        self._records.append(record(Mark.HEAD, len(attributes)))
        self._at += len(attributes)

    def _send(self) -> None:
        """Give the slot away, and go on to the next, which must have been answered by now."""
        with translated(_GONE):
            self._connection.send(second.message(self._records))
        self._due.append(self._ended)
        self._records, self._head, self._at, self._ended = [], None, 0, 0
        self._turn = (self._turn + 1) % SLOTS
        while len(self._due) == SLOTS:
            self.hear()

    def hear(self) -> None:
        """Wait for the next answer, and give the slot away first if nothing else is under way."""
        if not self._due:
            self._send()
        if len(checksums := self._answer(second.STORED)) != self._due.popleft() * _CHECKSUM:
            raise Failed("the process that writes objects said how many it wrote, and it was another number")
        self._checksums += checksums

    def _answer(self, kind: bytes) -> bytes:
        with translated(_GONE):
            answer = self._connection.recv(second.MESSAGE_BYTES)
        if answer[:1] == second.FAILED:
            raise _error(answer[1:])
        if answer[:1] != kind:
            raise Failed(_GONE)
        return answer[1:]

    def finish(self) -> int:
        """How many objects it wrote, all of which are whole."""
        if self._records:
            self._send()
        with translated(_GONE):
            self._connection.shutdown(socket.SHUT_WR)
        while self._due:
            self.hear()
        said = self._answer(second.DONE)
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        if status or len(said) != COUNT.size:
            raise Failed(_GONE)
        return int.from_bytes(said)

    def close(self) -> None:
        """End it, if it has not ended; when this returns it writes nothing any more."""
        self._connection.close()
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0


def _useful() -> bool:
    """Not beside other threads: what these hold at the moment of a fork stays locked in the child."""
    return len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


def _error(wire: bytes) -> Exception:
    with contextlib.suppress(ValueError):
        return from_wire(json.loads(wire))
    return Failed(_GONE)
