# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The man pages: whole, without a fault that mandoc or groff would find, and the same whoever makes them."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from appctl.commandline.commands import COMMANDS, REMOTE_COMMANDS
from appctl.exits import TABLE, ExitCode
from appctld.config.policy.files import KEYS as POLICY_KEYS
from appctld.config.settings import KEYS
from man_pages import POLICY, SETTINGS

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/lib/man_pages.py"
PAGES = (
    "man1/appctl.1",
    "man5/appctl-apps.d.5",
    "man5/appctl-policy.d.5",
    "man5/appctl-remotes.d.5",
    "man8/appctld.8",
)


def make(directory: Path, **environment: str) -> dict[str, str]:
    command = [sys.executable, str(SCRIPT), str(directory)]
    subprocess.run(command, env={**os.environ, **environment}, check=True)
    return {name: (directory / name).read_text() for name in PAGES}


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("man")
    make(directory)
    return directory


@cache
def shown(manual: Path, page: str) -> str:
    """As a reader sees it, without the blanks that fill lines."""
    done = subprocess.run(
        ["mandoc", "-Tutf8", "-Owidth=500", str(manual / page)], capture_output=True, text=True, check=True
    )
    return " ".join(_without_overstrikes(done.stdout).split())


def _without_overstrikes(text: str) -> str:
    kept: list[str] = []
    for character in text:
        if character == "\b":
            kept.pop()
        else:
            kept.append(character)
    return "".join(kept)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_fault(manual: Path, page: str) -> None:
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", str(manual / page)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("command", [*COMMANDS, *(f"remote {name}" for name in REMOTE_COMMANDS)])
def test_every_command_is_explained_with_its_usage(manual: Path, command: str) -> None:
    assert f"usage: appctl {command}" in shown(manual, "man1/appctl.1")


def test_what_every_command_takes_is_said_once(manual: Path) -> None:
    assert shown(manual, "man1/appctl.1").count("--noninteractive") == 1


def test_every_exit_code_and_error_is_told(manual: Path) -> None:
    text = shown(manual, "man1/appctl.1").partition("EXIT STATUS")[2].partition("ENVIRONMENT")[0]
    words = text.replace(",", " ").split()
    assert {str(code.value) for code in ExitCode} <= set(words)
    assert set(TABLE) <= set(words)


def test_every_setting_of_a_remote_is_explained(manual: Path) -> None:
    assert (set(SETTINGS), set(POLICY)) == (set(KEYS), set(POLICY_KEYS))
    text = shown(manual, "man5/appctl-remotes.d.5")
    assert all(f" {key} {SETTINGS[key].split()[0]}" in text for key in KEYS)


def test_the_pages_are_the_same_on_any_terminal_and_in_any_language(manual: Path, tmp_path: Path) -> None:
    again = make(tmp_path, COLUMNS="40", LC_ALL="C", PYTHONHASHSEED="7", TZ="Pacific/Apia")
    assert again == {name: (manual / name).read_text() for name in PAGES}


def test_the_commands_page_leads_to_every_other(manual: Path) -> None:
    text = shown(manual, "man1/appctl.1").partition("SEE ALSO")[2]
    others = {f"{Path(page).stem}({page[-1]})" for page in PAGES if page != "man1/appctl.1"}
    assert others <= set(text.replace(",", " ").split())
