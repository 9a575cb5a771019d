# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/users.md: every line that a reader may type does what the document says."""

import re

import pytest

from appctl.commands import COMMANDS
from support.typed import DOCUMENT, Typed, type_all

WRONG_HERE = {"appctl doctor"}  # a namespace without polkit and systemd is no machine that all is well with


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Typed:
    return type_all(tmp_path_factory.mktemp("users"))


def test_every_line_ends_as_the_document_says(typed: Typed) -> None:
    wrong = [
        f"$ {words}  -> {ended}, not {code}\n" + "\n".join(lines)
        for words, code, ended, lines in typed
        if ended != code and words not in WRONG_HERE
    ]
    assert not wrong, "\n".join(wrong)


def test_the_lines_are_all_of_the_document(typed: Typed) -> None:
    assert [words for words, *_ in typed] == [
        re.sub(r" {4}#.*", "", line.strip().removeprefix("$ "))
        for line in DOCUMENT.read_text().splitlines()
        if line.strip().startswith("$ ")
    ]
    assert len(typed) > 40


def test_nothing_is_told_as_a_fault_of_appctl(typed: Typed) -> None:
    shown = "\n".join(line for _, _, _, lines in typed for line in lines)
    assert "Traceback" not in shown
    assert "--propagate shows where" not in shown
    assert "This is org.acme.Editor-1.4." in shown


def test_what_is_named_in_the_text_is_a_command() -> None:
    named = set(re.findall(r"`appctl ([a-z]+)", DOCUMENT.read_text()))
    assert named <= {*COMMANDS, "update"}
