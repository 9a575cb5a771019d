# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl completion SHELL`: a script for the shell, made from the one parser by shtab.

Guarantees: names of apps and remotes are completed from the files of both scopes, without a daemon and
without Python; what is no plain name in those directories is not offered, because a shell would expand it.
"""

import argparse
from collections.abc import Iterator

from appctl.actions.help.topics import TOPICS
from appctl.commandline.commands import COMMANDS
from appctl.commandline.parser import build
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import Failure
from appctl.terminal.output import put

SHELLS = ("bash", "zsh", "fish")
# Sorted names of both scopes: $1 is `apps` or `remotes`. In POSIX shell, which bash and zsh read as well.
_NAMES = r"""
_appctl_names() {
    local data="${XDG_DATA_HOME:-$HOME/.local/share}/appctl" config="${XDG_CONFIG_HOME:-$HOME/.config}/appctl"
    if [ "$1" = apps ]; then
        command ls -1 /var/lib/appctl/apps "$data/apps" 2>/dev/null
    else
        command ls -1 /usr/lib/appctl/remotes.d /etc/appctl/remotes.d "$config/remotes.d" 2>/dev/null |
            command sed -n 's/\.conf$//p'
    fi | command grep -x '[A-Za-z_][A-Za-z0-9_.-]*' | command sort -u
}
"""
_PREAMBLES = {
    "bash": _NAMES
    + """
_appctl_apps() { compgen -W "$(_appctl_names apps)" -- "$1"; }
_appctl_remotes() { compgen -W "$(_appctl_names remotes)" -- "$1"; }
_appctl_topics() { compgen -W "TOPICS" -- "$1"; }
""",
    "zsh": _NAMES
    + """
_appctl_apps() { compadd -- ${(f)"$(_appctl_names apps)"}; }
_appctl_remotes() { compadd -- ${(f)"$(_appctl_names remotes)"}; }
_appctl_topics() { compadd -- TOPICS; }
""",
    "fish": r"""
function _appctl_names
    set -l data $XDG_DATA_HOME
    test -n "$data"; or set data $HOME/.local/share
    set -l config $XDG_CONFIG_HOME
    test -n "$config"; or set config $HOME/.config
    if test $argv[1] = apps
        command ls -1 /var/lib/appctl/apps $data/appctl/apps 2>/dev/null
    else
        command ls -1 /usr/lib/appctl/remotes.d /etc/appctl/remotes.d $config/appctl/remotes.d 2>/dev/null |
            command sed -n 's/\.conf$//p'
    end | command grep -x '[A-Za-z_][A-Za-z0-9_.-]*' | command sort -u
end
function _appctl_apps; _appctl_names apps; end
function _appctl_remotes; _appctl_names remotes; end
function _appctl_topics; string split ' ' 'TOPICS'; end
""",
}
_FUNCTIONS = {"apps": "_appctl_apps", "remotes": "_appctl_remotes", "topics": "_appctl_topics"}
_MEANING = {  # by metavar: what an argument is
    "ID": "apps", "ID|PID": "apps", "TOPIC": "topics", "FILE": "file", "FILE|-": "file", "FILE|DIR": "file",
    "PATH[:ro]": "directory",
}  # fmt: skip


def completion(context: Context) -> int:
    """Print the script; where it belongs stands in the help of the command."""
    put(script(context.options.shell).rstrip())
    return ExitCode.DONE


def script(shell: str) -> str:
    """Make the script. Raises Failure where shtab is missing."""
    try:
        import shtab
    except ImportError as error:
        raise Failure("Failed", "shtab is missing, which makes the script", "pip install shtab") from error

    parser = build()
    for action in _actions(parser):
        meaning = _meaning(action)
        if meaning in _FUNCTIONS:
            name = _FUNCTIONS[meaning]
            action.complete = {"bash": name, "zsh": name, "fish": f"({name})"}  # type: ignore[attr-defined]
        elif meaning:
            action.complete = shtab.CHOICE_FUNCTIONS[meaning]  # type: ignore[attr-defined]
    preamble = _PREAMBLES[shell].replace("TOPICS", " ".join(sorted([*TOPICS, *COMMANDS])))
    return str(shtab.complete(parser, shell=shell, preamble=preamble))


def _meaning(action: argparse.Action) -> str:
    if action.dest == "remote" or (action.dest in {"name", "names"} and action.metavar == "NAME"):
        return "remotes"
    return _MEANING.get(str(action.metavar), "")


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every argument of a parser and of its commands."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for inner in dict.fromkeys(action.choices.values()):
                yield from _actions(inner)
