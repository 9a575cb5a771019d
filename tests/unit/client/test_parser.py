# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line: aliases, options before and after the command, suggestions, exit code 64."""

import pytest

from appctl.__main__ import main
from appctl.failure import Failure
from appctl.parser import ALIASES, COMMANDS, REMOTE_COMMANDS, parse


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["instal", "x"], "appctl install"),
        (["Install", "x"], "appctl install"),
        (["unistall"], "appctl uninstall"),
        (["--user", "updat"], "appctl update"),
        (["--progress", "json", "lisst"], "appctl list"),
        (["remote", "ad"], "appctl remote add"),
        (["remote", "lst"], "appctl remote list"),
    ],
)
def test_a_mistyped_command_gets_a_suggestion(
    words: list[str], suggestion: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 64
    assert f"did you mean: {suggestion}" in capsys.readouterr().err


def test_what_is_like_no_command_gets_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xyzzy"]) == 64
    assert "hint: appctl --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["install"],
        ["install", "--nosuch", "x"],
        ["cancel", "one"],
        ["list", "--user", "--system"],
        ["info", "--js", "x"],
        ["remote", "add", "x"],
        ["remote", "add", "x", "y", "--verify", "maybe"],
        ["run"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_usage(words: list[str]) -> None:
    with pytest.raises(Failure) as caught:
        parse(words)
    assert caught.value.code == 64


@pytest.mark.parametrize(("alias", "name"), sorted(ALIASES.items()))
def test_aliases_do_the_same(alias: str, name: str) -> None:
    rest = ["x"] if name == "uninstall" else []
    assert parse([alias, *rest]).action == parse([name, *rest]).action


def test_options_of_every_command_may_stand_before_or_after_it() -> None:
    for words in (["--user", "-y", "--json", "info", "x"], ["info", "x", "--user", "-y", "--json"]):
        options = parse(words)
        assert (options.scope, options.yes, options.json, options.id) == ("user", True, True, "x")
    assert parse(["list"]).scope is None


def test_all_options_that_every_command_has() -> None:
    options = parse(["list", "--system", "--progress=json", "-q", "-v", "--assumeyes", "--no-color",
                     "--noninteractive", "--propagate"])  # fmt: skip
    assert (options.scope, options.progress) == ("system", "json")
    for name in ("quiet", "verbose", "yes", "no_color", "noninteractive", "propagate"):
        assert getattr(options, name) is True


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["run", "editor"], []),
        (["run", "--user", "editor", "a", "--json"], ["a", "--json"]),
        (["run", "editor", "--", "--help"], ["--help"]),
        (["run", "editor", "--", "--", "x"], ["--", "x"]),
        (["run", "editor", "a", "--", "b"], ["a", "--", "b"]),
        (["run", "editor", "-h"], ["-h"]),
    ],
)
def test_what_follows_the_app_is_the_apps(words: list[str], arguments: list[str]) -> None:
    options = parse(words)
    assert options.id == "editor"
    assert options.arguments == arguments
    assert options.json is False


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for words in [[name] for name in COMMANDS] + [["remote", name] for name in REMOTE_COMMANDS]:
        with pytest.raises(SystemExit) as caught:
            parse([*words, "--help"])
        assert caught.value.code == 0
        assert "usage: appctl" in capsys.readouterr().out


def test_no_command_is_usage_and_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 64
    assert "uninstall" in capsys.readouterr().out


def test_help_topics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "unsigned"]) == 0
    assert "No signature" in capsys.readouterr().out
    assert main(["help", "install"]) == 0
    assert "usage: appctl install" in capsys.readouterr().out
    assert main(["help"]) == 0
    assert "key-change" in capsys.readouterr().out
    assert main(["help", "nonsense"]) == 64
