# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line: aliases, options before and after the command, suggestions, exit code 64."""

import json

import pytest

from appctl.__main__ import main
from appctl.commandline.commands import ALIASES, COMMANDS, REMOTE_COMMANDS
from appctl.commandline.parser import help_text, parse
from appctl.failure import Failure


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
        (["delete", "x"], "appctl uninstall"),
        (["Erase", "x"], "appctl uninstall"),
        (["purge", "x"], "appctl uninstall"),
        (["show", "x"], "appctl info"),
        (["remote", "rm", "x"], "appctl remote remove"),
    ],
)
def test_a_mistyped_command_gets_a_suggestion(
    words: list[str], suggestion: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 64
    assert f"did you mean: {suggestion}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["list", "--usr"], "appctl list"),
        (["rm", "x", "--bogus"], "appctl rm"),
        (["remote", "add", "x", "y", "--bogus"], "appctl remote add"),
        (["--bogus"], "appctl"),
    ],
)
def test_an_option_that_is_none_gets_its_commands_help(
    words: list[str], program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 64
    assert capsys.readouterr().err.endswith(f"hint: {program} --help\n")


def test_usage_is_told_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--json", "nosuch"], ["list", "--bogus", "--json"]):
        assert main(words) == 64
        out, err = capsys.readouterr()
        document = json.loads(out)
        assert (document["changed"], document["error"]["name"]) == (False, "Usage")
        assert err.startswith("error: ")
    assert main(["run", "--bogus", "x", "--", "--json"]) == 64  # that one is the app's
    assert capsys.readouterr().out == ""


def test_what_is_like_no_command_gets_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xyzzy"]) == 64
    assert "hint: appctl --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["install"],
        ["install", "--nosuch", "x"],
        ["cancel", "one"],
        ["cancel", "9" * 5000],
        ["list", "--user", "--system"],
        ["--user", "list", "--system"],
        ["info", "--js", "x"],
        ["remote", "add"],
        ["remote", "add", "x", "y", "--verify", "maybe"],
        ["run"],
        ["run", "--cwd"],
        ["run", "--cwd=", "editor"],
        ["run", "--command=", "editor"],
        ["run", "--command", "", "editor"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_usage(words: list[str]) -> None:
    with pytest.raises(Failure) as caught:
        parse(words)
    assert caught.value.code == 64


@pytest.mark.parametrize(("alias", "name"), sorted(ALIASES.items()))
def test_aliases_do_the_same(alias: str, name: str) -> None:
    rest = ["x"] if name in {"uninstall", "permissions"} else []
    assert parse([alias, *rest]).action == parse([name, *rest]).action


def test_options_of_every_command_may_stand_before_or_after_it() -> None:
    for words in (["--user", "-y", "--json", "info", "x"], ["info", "x", "--user", "-y", "--json"]):
        options = parse(words)
        assert (options.scope, options.yes, options.json, options.id) == ("user", True, True, "x")
    assert parse(["list"]).scope is None


def test_all_options_that_every_command_has() -> None:
    options = parse(["list", "--system", "--progress=json", "-q", "--assumeyes", "--no-color",
                     "--noninteractive", "--propagate"])  # fmt: skip
    assert (options.scope, options.progress) == ("system", "json")
    for name in ("quiet", "yes", "no_color", "noninteractive", "propagate"):
        assert getattr(options, name) is True


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["run", "editor"], []),
        (["run", "editor", "-v"], ["-v"]),
        (["run", "--user", "editor", "a", "--json"], ["a", "--json"]),
        (["run", "editor", "--", "--help"], ["--help"]),
        (["run", "editor", "--", "--", "x"], ["--", "x"]),
        (["run", "editor", "a", "--", "b"], ["a", "--", "b"]),
        (["run", "editor", "-h"], ["-h"]),
        (["run", "--cwd", "editor", "--cwd", "--cwd=x"], ["--cwd", "--cwd=x"]),
        (["run", "editor", "a", "--", "--cwd"], ["a", "--", "--cwd"]),
    ],
)
def test_what_follows_the_app_is_the_apps(words: list[str], arguments: list[str]) -> None:
    options = parse(words)
    assert options.id == "editor"
    assert options.arguments == arguments
    assert options.json is False


@pytest.mark.parametrize(
    ("words", "cwd"),
    [
        (["editor", "--cwd"], None),
        (["--cwd", "editor"], ""),
        (["--cwd", "editor", "--", "x"], ""),
        (["--cwd=/srv", "editor"], "/srv"),
        (["--cwd", "--env=A=b", "editor"], ""),
    ],
)
def test_cwd_alone_takes_no_value(words: list[str], cwd: str | None) -> None:
    options = parse(["run", *words])
    assert (options.id, options.cwd) == ("editor", cwd)


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for words in [[name] for name in COMMANDS] + [["remote", name] for name in REMOTE_COMMANDS]:
        with pytest.raises(SystemExit) as caught:
            parse([*words, "--help"])
        assert caught.value.code == 0
        assert "usage: appctl" in capsys.readouterr().out


def test_no_command_is_usage_and_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 64
    assert "uninstall" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["remote"]])
def test_no_command_is_a_document_where_that_was_asked_for(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json"]) == 64
    assert json.loads(capsys.readouterr().out)["error"]["name"] == "Usage"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "key-change what to do when a publisher signs with another key"),
        (["permissions"], "leaves the sandbox"),
        (["offline"], "on a disk"),
        (["unsigned"], "No signature"),
        (["references"], "REMOTE/REST"),
        (["key-change"], "replace the old ones"),
        (["install"], "usage: appctl install"),
        (["ls"], "usage: appctl list"),
        (["upgrade"], "usage: appctl update"),
        (["remote", "add"], "usage: appctl remote add"),
        (["remote", "modify"], "replace the old ones"),
        (["run"], "64, and nothing was run"),
    ],
)
def test_help_is_printed_whatever_else_is_asked(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ([], ["-q"], ["--json"]):
        assert main(["help", *words, *more]) == 0
        assert text in " ".join(capsys.readouterr().out.split())


def test_help_about_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["nonsense"], ["remote", "nonsense"], ["install", "nonsense"]):
        assert main(["help", *words]) == 64
        assert "topics: " in capsys.readouterr().err


@pytest.mark.parametrize(("columns", "widest"), [("50", 50), ("200", 200), ("x", 80), ("-1", 80), ("", 80)])
def test_help_is_as_wide_as_the_terminal(columns: str, widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = help_text("list").splitlines()
    assert max(map(len, lines)) <= widest
    assert max(map(len, lines)) > widest / 2
