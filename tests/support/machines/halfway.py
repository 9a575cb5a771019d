# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A command of `appctl` that has come to the middle of its download, from a registry that sends no more."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from support.machines.machine import BIN, Machine

PATIENCE = 60.0  # seconds on a busy machine


@contextmanager
def halfway(
    machine: Machine, words: Sequence[str], has_half: Callable[[], bool]
) -> Iterator[subprocess.Popen[str]]:
    """The command, once half is here; it is killed in the end."""
    pipe, command = subprocess.PIPE, [str(BIN / "appctl"), *words]
    with subprocess.Popen(command, env=machine.environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            end = time.monotonic() + PATIENCE
            while not has_half():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < end, "the download does not begin"
                time.sleep(0.02)
            yield process
        finally:
            process.kill()
