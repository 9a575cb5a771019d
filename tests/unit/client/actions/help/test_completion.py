# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Completion in real shells: commands, options, files, and names of what is installed, without a daemon."""

import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.actions.help.completion import SHELLS, script
from appctl.actions.help.topics import TOPICS
from appctl.commandline.commands import COMMANDS, REMOTE_COMMANDS
from appctl.failure import Failure

PATIENCE = 60.0  # seconds on a busy machine until something must have happened
EVIL = "$(touch evil)"
APPS = ["org.acme.Editor", "org.acme.Viewer"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two apps, one remote, and beside them names that are none and that a shell would obey.

    The scripts of the shells are there, zsh's where it looks for it; that shell has looked for all of them.
    """
    home = tmp_path_factory.mktemp("home")
    for name in (*APPS, EVIL, "`touch evil`", "with blank"):
        (home / ".local/share/appctl/apps" / name).mkdir(parents=True)
    remotes = home / ".config/appctl/remotes.d"
    remotes.mkdir(parents=True)
    for name in ("acme.conf", "acme.gpg", f"{EVIL}.conf"):
        (remotes / name).touch()
    (home / "key.asc").touch()
    (home / "functions").mkdir()
    for name, shell in (
        ("completion.bash", "bash"),
        ("completion.fish", "fish"),
        ("functions/_appctl", "zsh"),
    ):
        (home / name).write_text(script(shell))
    (home / ".zshrc").write_text(ZSHRC)
    zsh(home, "")
    return home


def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "dumb", "LC_ALL": "C.UTF-8"}


BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
entry=$(complete -p appctl); entry=${entry% appctl}
${entry##* } appctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def in_bash(home: Path, line: str) -> list[str]:
    words = [*line.split(" ")]
    command = ["bash", "--norc", "-c", BASH, "bash", str(home / "completion.bash"), *words]
    return run(home, command)


def in_fish(home: Path, line: str) -> list[str]:
    code = f"source completion.fish; complete -C {shlex.quote(line)}"
    return [found.partition("\t")[0] for found in run(home, ["fish", "--no-config", "-c", code])]


def run(home: Path, command: list[str]) -> list[str]:
    done = subprocess.run(
        command, cwd=home, env=environment(home), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


ZSHRC = """
fpath=(~/functions $fpath)
autoload -Uz compinit; compinit -u -d ~/found
compadd() {
    local -a found
    [[ " ${(j: :)@[1,(i)--]} " == *" -"[OAD]" "* ]] ||
        { builtin compadd -A found "$@"; print -rl -- $found >> ~/offered }
    builtin compadd "$@"
}
setopt no_auto_list  # nor ask whether to list
zle-line-init() { LBUFFER=$LINE; zle complete-word; exit 0 }
zle -N zle-line-init
"""


def in_zsh(home: Path, line: str) -> list[str]:
    """Let the line editor complete it; what the completion adds goes into a file."""
    offered = home / "offered"
    offered.write_text("")
    zsh(home, line)
    return [found for found in offered.read_text().splitlines() if found]


def zsh(home: Path, line: str) -> None:
    """Start it at a terminal of its own, which has its end once the line is completed."""
    inside, outside = pty.openpty()
    try:
        subprocess.run(
            ["zsh", "-i"], cwd=home, env={**environment(home), "LINE": line}, stdin=outside, stdout=outside,
            stderr=outside, start_new_session=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
    finally:
        os.close(inside)
        os.close(outside)


SHELL_RUNS: list[Callable[[Path, str], list[str]]] = [in_bash, in_zsh, in_fish]


@pytest.mark.parametrize("complete", SHELL_RUNS)
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("appctl ", set(COMMANDS)),
        ("appctl inst", {"install"}),
        ("appctl remote ", set(REMOTE_COMMANDS)),
        ("appctl install --dry", {"--dry-run"}),
        ("appctl run ", set(APPS)),
        ("appctl remote show ", {"acme"}),
        ("appctl remote refresh ", {"acme"}),
        ("appctl help ", set(TOPICS)),
        ("appctl completion ", set(SHELLS)),
        ("appctl remote add acme https://acme.example --gpg-import k", {"key.asc"}),
    ],
)
def test_a_shell_offers_what_can_be_typed(
    home: Path, line: str, offered: set[str], complete: Callable[[Path, str], list[str]]
) -> None:
    assert offered <= set(complete(home, line))


@pytest.mark.parametrize("complete", SHELL_RUNS)
@pytest.mark.parametrize("line", ["appctl run ", "appctl remote show "])
def test_names_that_a_shell_would_obey_are_not_offered(
    home: Path, line: str, complete: Callable[[Path, str], list[str]]
) -> None:
    offered = " ".join(complete(home, line))
    assert "touch" not in offered
    assert "blank" not in offered
    assert not (home / "evil").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed_and_is_the_same_each_time(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out.rstrip() == script(shell).rstrip()


def test_without_shtab_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(Failure, match="shtab is missing"):
        script("bash")
