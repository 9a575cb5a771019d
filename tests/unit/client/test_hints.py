# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every hint, of the daemon and of the client, points to something that is there."""

import re
from pathlib import Path

import pytest

from appctl.actions.help.topics import TOPICS
from appctl.commandline.parser import parse

ROOT = Path(__file__).resolve().parents[3]
PROMISED = {"trust", "unsigned", "key-change", "references", "permissions", "offline"}
SOURCES = [path for part in ("daemon", "client") for path in sorted((ROOT / part).rglob("*.py"))]
MENTION = re.compile(r"[\"`]appctl ((?:help |remote )?[a-z][a-z-]*)")
NO_COMMAND = {"keyring"}  # "appctl keyring update" is the type of what a publisher signs
MENTIONS = sorted(
    {found.group(1) for path in SOURCES for found in MENTION.finditer(path.read_text())} - NO_COMMAND
)
NEED_ONE = {
    "lint",
    "search",
    "try",
    "install",
    "uninstall",
    "rollback",
    "hold",
    "unhold",
    "permissions",
    "info",
    "cancel",
    "run",
    "kill",
    "login",
    "logout",
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


def test_what_is_promised_is_explained() -> None:
    assert set(TOPICS) >= PROMISED


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_topic_fits_a_terminal_and_weakens_nothing(topic: str) -> None:
    lines = TOPICS[topic].text.splitlines()
    assert max(map(len, lines)) <= 111
    assert len(lines) <= 20
    for never in ("--verify none", "verify=none", "--allow-downgrade", "trust this key"):
        assert never not in TOPICS[topic].text


TYPED = sorted(
    re.split(r" {3,}|\(", line.strip())[0].strip()
    for topic in TOPICS.values()
    for line in topic.text.splitlines()
    if line.startswith("    appctl ")
)


@pytest.mark.parametrize("line", TYPED)
def test_what_a_topic_says_to_type_can_be_typed(line: str) -> None:
    assert parse(line.split()[1:]).action


@pytest.mark.parametrize("mention", [text for text in MENTIONS if not text.startswith("help")])
def test_a_command_that_is_named_exists(mention: str) -> None:
    words = mention.split()
    more = {
        "add": ["1", "2"], "completion": ["bash"], "export": ["1", "2"], "publish": ["1", "--to", "2"],
        "metrics": ["-"],
    }  # fmt: skip
    arguments = {**more, **{word: ["1"] for word in NEED_ONE}}.get(words[-1], [])
    assert parse([*words, *arguments]).command == words[0]
