# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is said of a file quotes it, and is bounded."""

import pytest

from appctld.workers.store.exports.emit import Exporter, Refused, re_emit
from appctld.workers.store.exports.exporter import NOTE, NOTES, SAID

ID = "org.acme.Editor"
APP = Exporter(ID, ("/usr/bin/appctl", "run"))
DESKTOP = f"applications/{ID}.desktop"
ENTRY = "[Desktop Entry]\nType=Application\nName=E\nExec=e\n"


def test_a_reason_has_so_many_characters() -> None:
    whole = Refused("x" * SAID)
    assert (whole.reason, str(whole)) == ("x" * SAID, "x" * SAID)
    long = Refused("x" * SAID + "y")
    assert (long.reason, str(long)) == ("x" * SAID, "x" * SAID)


@pytest.mark.parametrize("number", [NOTES, NOTES + 1])
def test_of_what_is_left_out_so_much_is_told(number: int) -> None:
    keys = [f"X-{at}" for at in range(number)]
    dropped = re_emit(DESKTOP, (ENTRY + "".join(f"{key}=x\n" for key in keys)).encode(), APP).dropped
    assert dropped == (*keys[:NOTES],)


def test_of_a_name_that_is_left_out_so_much_is_told_and_once() -> None:
    keys = [f"X-{'a' * NOTE}{at}" for at in range(2)]
    dropped = re_emit(DESKTOP, (ENTRY + "".join(f"{key}=x\n" for key in keys)).encode(), APP).dropped
    assert dropped == (keys[0][:NOTE],)
