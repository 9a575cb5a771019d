# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The desktop's own validators, as they are asked."""

import pytest

from appctld.workers.images import validators
from appctld.workers.images.validators import DESKTOP, METAINFO, ask, missing
from support.workers.specimen import DESKTOP as A_DESKTOP_FILE
from support.workers.specimen import ID


def test_what_is_good_is_told_so_and_what_is_not_in_the_validators_own_words() -> None:
    assert ask(DESKTOP, f"{ID}.desktop", A_DESKTOP_FILE.encode()) == ""
    said = ask(DESKTOP, f"{ID}.desktop", b"[Desktop Entry]\nType=Application\n")
    assert said is not None
    assert said.startswith(f"{ID}.desktop: error: required key")


def test_a_validator_sees_the_file_and_nothing_of_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "told")
    said = ask(("sh", "-c", 'echo "[$SECRET]"; ls /; exit 1'), "x", b"")
    assert said == "[] bin dev file lib lib64 proc tmp usr"


def test_one_that_does_not_end_was_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validators, "SECONDS", 0)
    assert ask(("sleep", "60"), "x", b"") is None


def test_what_is_not_here_is_named() -> None:
    assert missing(("validator-of-nobody",)) == "validator-of-nobody"
    assert missing(METAINFO) == ""
