# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`podman pull` with its overlay driver: through peers/privileged.py where root started us, else rootless."""

import json
import os
import socket
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TextIO

from measure.cost import Cost
from peers import privileged


def pull(images: Sequence[str], at: Path, _place: Path) -> Cost:
    """Pull each into new storage below `at`; the cost of the last. Raises RuntimeError where it cannot."""
    if privileged.SOCKET not in os.environ:
        return privileged.pull(images, at)
    channel = _channel()
    channel.write(json.dumps({"images": list(images), "at": str(at)}) + "\n")
    channel.flush()
    answer = json.loads(channel.readline())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return Cost(**answer)


@cache
def _channel() -> TextIO:
    return socket.socket(fileno=int(os.environ[privileged.SOCKET])).makefile("rw")
