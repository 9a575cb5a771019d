# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Every hint, of the daemon and of the client, points to something that is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.actions.help.topics import TOPICS
from appctl.commandline.parser import parse
from appctl.exits import ExitCode
from appctld.errors import leaves
from support.advice import advised, forbidden

NOTHING_TO_DO = {
    "AlreadyInstalled": "it is what was asked for",
    "AlreadyUpToDate": "it is what was asked for",
    "Cancelled": "it is what was asked for",
}
ROOT = Path(__file__).resolve().parents[3]
PROMISED = {"trust", "unsigned", "key-change", "references", "permissions", "offline"}
SOURCES = [path for part in ("daemon", "client") for path in sorted((ROOT / part).rglob("*.py"))]
MENTION = re.compile(r"[\"`]appctl ((?:help |remote )?[a-z][a-z-]*)")
LEAVES = leaves()
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


def test_no_hint_offers_to_trust_somebody_or_to_weaken_anything() -> None:
    assert [place for path in SOURCES for place in forbidden(path)] == []


SAID = """
_WAY, _WORDS = "b" + "c", {1: "d"}
def f(x):
    hint = x
    raise g(Failed("m", hint=f"a {x} {_WAY}"), usage("m", _remedy()))
    raise Failure("n", "m", _WORDS[1].format(x), {})
def _remedy():
    if 1:
        return "e"
    return {"hint": "g"}
class Leaf(Failed):
    sentence = "m"
    hint = "h"
"""


def test_hints_are_found_however_they_are_given(tmp_path: Path) -> None:
    found = set(advised(SAID))
    assert found >= {"a {} {}", "b", "c", "d", "e", "g", "h"}
    assert not found & {"m", "n"}
    (tmp_path / "x.py").write_text('usage("m", "appctl remote modify NAME --GPG-import FILE")')
    assert list(forbidden(tmp_path / "x.py")) == [
        f"{tmp_path / 'x.py'}:1: appctl remote modify NAME --GPG-import FILE"
    ]


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


def hintless(path: Path) -> Iterator[str]:
    """Where a file makes an error without a hint: `hint=""` to a leaf, none at all to a client's Failure."""
    source = path.read_text()
    if 'hint=""' not in source and "Failure(" not in source:
        return  # as most files
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        hints = [ast.literal_eval(word.value) for word in node.keywords if _is_hint(word)]
        called = ast.unparse(node.func)
        if called in LEAVES and "" in hints:
            yield f"{path.relative_to(ROOT)}: {called} {ast.unparse(node.args[0])}"
        elif (
            called == "Failure"
            and "client" in path.parts
            and len(node.args) < 3
            and ast.unparse(node.args[0]) not in _NEED_NONE
        ):
            yield f"{path.relative_to(ROOT)}: {ast.unparse(node)}"


_NEED_NONE = {"'Cancelled'", "'Usage'"}  # what to type after a Usage is told by its command's --help


def _is_hint(word: ast.keyword) -> bool:
    return word.arg == "hint" and isinstance(word.value, ast.Constant)


def test_no_error_is_made_without_a_hint() -> None:
    assert [line for path in SOURCES for line in hintless(path)] == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_error_has_a_hint_unless_nothing_is_to_be_done(name: str) -> None:
    assert bool(LEAVES[name].hint) != (name in NOTHING_TO_DO)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["permissions", "org.example.App", "--reset", "--deny", "network"], "appctl permissions --help"),
        (["remote", "modify", "acme", "--set", "nonsense"], "appctl remote modify --help"),
    ],
)
def test_a_command_line_that_makes_no_sense_leads_to_its_help(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == ExitCode.USAGE
    assert f"hint: {hint}\n" in capsys.readouterr().err
