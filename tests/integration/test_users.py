# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/users.md: every line that a reader may type does what the document says."""

import re
from pathlib import Path

import pytest

from appctl.commandline.commands import COMMANDS
from support.people.typed import DOCUMENT, type_all

WRONG_HERE = {"appctl doctor"}  # a namespace without polkit and systemd is no machine that all is well with


@pytest.mark.timeout(400)  # some sixty commands, on a busy machine
def test_every_line_ends_as_the_document_says(tmp_path: Path) -> None:
    typed = type_all(tmp_path)
    wrong = [
        f"$ {words}  -> {ended}, not {code}\n" + "\n".join(lines)
        for words, code, ended, lines in typed
        if ended != code and words not in WRONG_HERE
    ]
    assert not wrong, "\n".join(wrong)
    assert [words for words, *_ in typed] == _lines()
    shown = "\n".join(line for _, _, _, lines in typed for line in lines)
    assert "Traceback" not in shown
    assert "--propagate shows where" not in shown
    assert "This is org.acme.Editor-1.4." in shown


def _lines() -> list[str]:
    """What begins with `$`, found in another way."""
    found = [line.strip() for line in DOCUMENT.read_text().splitlines()]
    return [re.sub(r" {4}#.*", "", line[2:]) for line in found if line.startswith("$ ")]


def test_what_is_named_in_the_text_is_a_command() -> None:
    named = set(re.findall(r"`appctl ([a-z]+)", DOCUMENT.read_text()))
    assert named <= set(COMMANDS)
