# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""SHA-256 of a stream's pieces, on another core than the one that reads them.

Guarantees: the digest is of all pieces, in the order in which they came; no more than a few of them wait. The
thread does nothing but hash, and hashlib lets the interpreter go meanwhile: it never touches libostree, a
file, or anything that the reader could change (docs/adr/0018). Leaves to others: what is hashed.
"""

import hashlib
import queue
import threading

WAITING = 4  # pieces of 1 MiB: enough that neither side waits for the other's odd slow moment


class Hashing:
    """A digest that is told of its bytes piece by piece; `close` it, whatever happens."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._waiting: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._begun = False

    def update(self, piece: bytes) -> None:
        """Take the next piece in; the first is hashed at once, for most streams are no longer."""
        if not self._begun:
            self._begun = True
            self._digest.update(piece)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="hashing", daemon=True)
            self._thread.start()
        self._waiting.put(piece)

    def hexdigest(self, more: bytes = b"") -> str:
        """The digest of all that came so far, and of `more` behind it."""
        self._waiting.join()
        digest = self._digest.copy()
        digest.update(more)
        return digest.hexdigest()

    def close(self) -> None:
        """End the thread, once it has hashed what waits."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        for piece in iter(self._waiting.get, None):
            self._digest.update(piece)
            self._waiting.task_done()
        self._waiting.task_done()
