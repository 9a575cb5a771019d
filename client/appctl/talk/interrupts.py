# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Ctrl-C while a job is waited for: the first asks the job to stop, the second leaves at once.

A handler that raised or printed could do so in the middle of a message or a line; this one counts, and makes
a descriptor readable.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self


class Interrupts:
    """`with Interrupts() as interrupts:` then `count`, and `descriptor` to wait on beside other things."""

    def __init__(self) -> None:
        self.count = 0
        self.descriptor, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before: signal.Handlers | int | object = signal.SIG_DFL

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]  # what signal.signal gave
        os.close(self.descriptor)
        os.close(self._write)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """While a person types: Ctrl-C ends the block at once, and counts as it does elsewhere."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        except KeyboardInterrupt:
            self.count += 1
        finally:
            signal.signal(signal.SIGINT, self._interrupted)

    def _interrupted(self, _signum: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt
        os.write(self._write, b"\0")
