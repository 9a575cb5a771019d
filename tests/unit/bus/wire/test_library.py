# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which library it is, and how much of what callers send it remembers."""

import os
import subprocess
import sys

import pytest

from appctld.bus.wire import library
from appctld.bus.wire.library import SIGNATURES, Message, as_bytes, as_message

SAY = "import appctld.bus.wire.library as chosen; print(chosen.Message.__module__)"


@pytest.mark.parametrize(
    ("asked", "found"), [("", "dbus_next"), ("fast", "dbus_fast"), ("other", "dbus_next")]
)
def test_one_variable_chooses_the_library(asked: str, found: str) -> None:
    environment = {**os.environ, "APPCTL_DBUS": asked}
    done = subprocess.run(
        [sys.executable, "-c", SAY], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(found)


def test_without_the_library_that_was_asked_for_it_is_said_what_to_install() -> None:
    """The daemon must not go on with another one than its administrator believes."""
    hidden = f"import sys; sys.modules['dbus_fast'] = None; {SAY}"
    environment = {**os.environ, "APPCTL_DBUS": "fast"}
    done = subprocess.run(
        [sys.executable, "-c", hidden], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "appctl[fast]" in done.stderr


def test_signatures_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3 * SIGNATURES):
        signature = "".join("yu"[number >> bit & 1] for bit in range(10))
        call = Message("a.b", "/", "a.b", "C", signature=signature, body=[1] * len(signature), serial=1)
        as_message(as_bytes(call))
        assert library.remembered() <= SIGNATURES + 2


@pytest.mark.parametrize("raw", [b"", b"l", b"l\1\0\1" + bytes(11)])
def test_half_a_message_is_none(raw: bytes) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - of what kind is the library's choice
        as_message(raw)
