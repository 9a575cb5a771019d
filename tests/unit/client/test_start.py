# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Start-up: what a short command imports, and that only its own parser is made. bench/start has seconds."""

import json
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jeepney
import pytest

from appctl.actions.help.version import client_version
from appctl.commandline.commands import ALIASES, COMMANDS
from appctl.commandline.parser import build
from support.buses.fake_installer import FakeInstaller

CLIENT = Path(__file__).resolve().parents[3] / "client"
# Each costs milliseconds, most of them more than all of appctl's own modules.
HEAVY = {
    "asyncio", "bz2", "concurrent", "cryptography", "dataclasses", "dbus_next", "difflib", "email", "gi",
    "gnupg", "gzip", "hashlib", "http", "importlib.metadata", "importlib.resources", "inspect", "logging",
    "lzma", "multiprocessing", "pathlib", "platform", "random", "requests", "rich", "shtab", "shutil", "ssl",
    "subprocess", "tempfile", "threading", "traceback", "unittest", "urllib", "urllib3", "xml", "zipfile",
    "zstandard",
}  # fmt: skip
PROGRAM = """
import json, sys
from appctl.__main__ import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def imported(*words: str) -> set[str]:
    """The modules that a command has imported in the end; not what an environment adds to every Python."""
    libraries = Path(jeepney.__file__).parents[
        1
    ]  # the environment's, or the distribution's where that will do
    path = f"{CLIENT}:{sysconfig.get_path('purelib')}:{libraries}"
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done
    return set(modules)


@pytest.mark.parametrize("words", [["list"], ["list", "--user"], ["version"], ["jobs"]])
def test_a_short_command_imports_nothing_that_is_slow(words: list[str], daemon: FakeInstaller) -> None:
    daemon.apps = [{"id": "org.acme.Editor", "installed-size": 1}]
    modules = imported(*words)
    assert "jeepney" in modules
    assert sorted(modules & HEAVY) == []
    others = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert others == {"__main__", "appctl", "jeepney"}


def test_a_command_imports_no_other_commands(daemon: FakeInstaller) -> None:
    actions = {name for name in imported("list") if name.startswith("appctl.actions.")}
    assert actions == {"appctl.actions.apps", "appctl.actions.queries", "appctl.actions.queries.listing"}


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_the_parser_of_one_command_is_that_of_all(name: str) -> None:
    every, one = (_parsers(build(only)) for only in ("", name))
    meant = ALIASES.get(name, name)
    assert {meant, *(alias for alias, target in ALIASES.items() if target == meant)} == set(one)
    assert one[name].format_help() == every[name].format_help()


def _parsers(top: Any) -> dict[str, Any]:  # noqa: ANN401 - what argparse has inside
    (commands,) = [action for action in top._actions if action.dest == "command"]
    return dict(commands.choices)


def test_the_version_is_that_of_the_installed_metadata() -> None:
    assert client_version() == version("appctl")
