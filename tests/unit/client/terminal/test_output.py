# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Standard streams that are closed, full, or too small for a letter: one message, the right exit code."""

import os
import subprocess
import sys

import pytest

from appctl.failure import UNWRITABLE
from support.buses.fake_installer import FakeInstaller

FULL = f"error: standard output cannot be written: No space left on device\nhint: {UNWRITABLE}\n"
CLOSED = f"error: standard output cannot be written: Bad file descriptor\nhint: {UNWRITABLE}\n"


def shell(words: str, **env: str) -> tuple[int, str, str]:
    """Run `appctl WORDS` as a shell does, with its redirections."""
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m appctl {words}', sys.executable],
        capture_output=True, text=True, check=False, env=os.environ | env,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", ["version", "version --json", "--help", "help trust", "list --user"])
def test_an_output_that_takes_nothing_is_one_message(words: str, daemon: FakeInstaller) -> None:
    daemon.apps = [{"id": "org.acme.Editor"}]
    assert shell(f"{words} >/dev/full") == (1, "", FULL)
    assert shell(f"{words} >&-") == (1, "", CLOSED)


def test_nothing_printed_is_nothing_missed(daemon: FakeInstaller) -> None:
    assert shell("list >&-") == (0, "", "Nothing is installed.\n")


@pytest.mark.parametrize("to", ["2>&-", "2>/dev/full", ">&- 2>&-", ">/dev/full 2>/dev/full"])
def test_an_error_that_cannot_be_told_keeps_its_exit_code(to: str) -> None:
    assert shell(f"nosuchcommand --json {to}")[0] == 64


def test_a_closed_input_is_nobody_to_ask() -> None:
    code, _, err = shell("remote add x quay.io/x --verify none <&-")
    assert code == 64
    assert "a person must answer" in err


def test_no_letter_is_too_strange(daemon: FakeInstaller) -> None:
    daemon.apps = [{"id": "org.acme.Editor", "title": "Zażółć"}]
    code, out, err = shell("list --columns=name", PYTHONIOENCODING="ascii")
    assert (code, out.splitlines()[1], err) == (0, r"Za\u017c\xf3\u0142\u0107", "")
