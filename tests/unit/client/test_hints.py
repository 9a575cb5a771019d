# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every hint, of the daemon and of the client, points to something that is there."""

import re
from pathlib import Path

import pytest

from appctl.actions.help import TOPICS
from appctl.parser import parse

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [path for part in ("daemon", "client") for path in sorted((ROOT / part).rglob("*.py"))]
MENTION = re.compile(r"[\"`]appctl ((?:help |remote )?[a-z][a-z-]*)")
NO_COMMAND = {"keyring"}  # "appctl keyring update" is the type of what a publisher signs
MENTIONS = sorted(
    {found.group(1) for path in SOURCES for found in MENTION.finditer(path.read_text())} - NO_COMMAND
)
NEED_ONE = {
    "install",
    "uninstall",
    "rollback",
    "info",
    "cancel",
    "run",
    "show",
    "modify",
    "enable",
    "disable",
}


def test_there_are_hints_to_look_at() -> None:
    assert {"help trust", "help unsigned", "help key-change", "list"} <= set(MENTIONS)


@pytest.mark.parametrize("mention", [text for text in MENTIONS if text.startswith("help ")])
def test_a_topic_that_is_named_exists(mention: str) -> None:
    assert mention.removeprefix("help ") in TOPICS


@pytest.mark.parametrize("mention", [text for text in MENTIONS if not text.startswith("help")])
def test_a_command_that_is_named_exists(mention: str) -> None:
    words = mention.split()
    more = {"add": ["1", "2"], "publish": ["1", "--to", "2"]}
    arguments = {**more, **{word: ["1"] for word in NEED_ONE}}.get(words[-1], [])
    assert parse([*words, *arguments]).command == words[0]
