# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How fast this machine hashes: OpenSSL with and without its SHA instructions, and GLib's own code.

appctl hashes with Python's hashlib, which is OpenSSL's; libostree, as Debian builds it, with GLib's
GChecksum, which is plain C. OpenSSL is kept from the instructions by its own variable (OPENSSL_ia32cap(3):
bit 29 of the second word is SHA), so the difference that they make can be measured on one machine.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable

from gi.repository import GLib

VARIABLE, WITHOUT = "OPENSSL_ia32cap", ":~0x20000000"
_PIECE = bytes(1 << 20)
_PIECES = 16  # MiB, once to warm up and then three times


def rates() -> dict[str, float]:
    """Bytes a second: `openssl`, `openssl-plain` (without the instructions) and `glib`."""
    return {"openssl": _openssl({}), "openssl-plain": _openssl({VARIABLE: WITHOUT}), "glib": _glib()}


def _openssl(variables: dict[str, str]) -> float:
    """In a process of its own: the variable is read once."""
    command = [sys.executable, "-m", "measure.sha256"]
    done = subprocess.run(command, env={**os.environ, **variables}, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def _glib() -> float:
    digest = GLib.Checksum.new(GLib.ChecksumType.SHA256)  # type: ignore[attr-defined]  # no call of ours
    return _rate(digest.update)


def _rate(update: Callable[[bytes], object]) -> float:
    fastest = min(_seconds(update) for _ in range(4))
    return _PIECES * len(_PIECE) / fastest


def _seconds(update: Callable[[bytes], object]) -> float:
    began = time.process_time()
    for _ in range(_PIECES):
        update(_PIECE)
    return time.process_time() - began


if __name__ == "__main__":
    print(_rate(hashlib.sha256().update))
