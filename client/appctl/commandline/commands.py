# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The names of the commands, their aliases, and what is suggested for a word that is none.

A suggestion is never another kind of command than was meant: who wants to delete is not told to update.
"""

from collections.abc import Mapping, Sequence

from appctl.failure import usage

ALIASES = {
    "upgrade": "update", "remove": "uninstall", "rm": "uninstall", "ls": "list", "override": "permissions",
}  # fmt: skip
_MEANT = {  # words of other programs that are like another of our commands, or like none
    "delete": "uninstall", "erase": "uninstall", "purge": "uninstall", "show": "info",
}  # fmt: skip
_MEANT_OF_REMOTES = {"rm": "remove", "delete": "remove", "erase": "remove", "ls": "list", "info": "show"}
REMOTE_COMMANDS = ("add", "show", "list", "modify", "enable", "disable", "remove", "export", "refresh")
COMMANDS = (
    "install", "update", "uninstall", "rollback", "hold", "unhold", "permissions", "run", "ps", "kill",
    "list", "info", "search", "history",
    "remote", "login", "logout", "jobs", "cancel", "monitor", "apply", "automatic", "metrics",
    "prune", "verify", "repair",
    "export", "publish", "lint", "try", "doctor", "completion", "version", "help",
)  # fmt: skip


def refuse_unknown(words: Sequence[str]) -> None:
    """Refuse a command that is none, and say which was probably meant. Raises Failure (Usage)."""
    _known(words, 0, (*COMMANDS, *ALIASES), "appctl", _MEANT)
    if words[:1] == ["remote"]:
        _known(words, 1, REMOTE_COMMANDS, "appctl remote", _MEANT_OF_REMOTES)


def plain_words(arguments: Sequence[str]) -> list[str]:
    """Return what stands there before any `--`, without options; `--progress` alone takes the next word."""
    words: list[str] = []
    previous = ""
    for argument in arguments:
        if argument == "--":
            break
        if not argument.startswith("-") and previous != "--progress":
            words.append(argument)
        previous = argument
    return words


def _known(
    words: Sequence[str], index: int, commands: Sequence[str], program: str, meant: Mapping[str, str]
) -> None:
    if len(words) <= index or words[index] in commands:
        return
    from difflib import get_close_matches

    word = words[index].lower()
    near = [meant[word]] if word in meant else get_close_matches(word, commands, n=1, cutoff=0.5)
    hint = f"did you mean: {program} {near[0]}" if any(near) else f"{program} --help"
    raise usage(f"{program} has no command {words[index]!r}", hint)
