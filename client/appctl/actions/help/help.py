# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl help`: the commands, and the topics (topics.py) that hints point to."""

from appctl.actions.help.topics import TOPICS
from appctl.commandline.commands import ALIASES, COMMANDS, REMOTE_COMMANDS
from appctl.commandline.parser import help_text
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.terminal.output import put


def overview(context: Context) -> int:
    """Print the commands: what `appctl` alone does."""
    return _without_command(context)


def remote(context: Context) -> int:
    """Print the commands of `remote`: what `appctl remote` alone does."""
    return _without_command(context, "remote")


def _without_command(context: Context, *words: str) -> int:
    """Print what there is for a person. Raises Failure for a program, which reads JSON."""
    if context.options.json:
        raise usage("no command was given", " ".join(["appctl", *words, "--help"]))
    put(help_text(*words).rstrip())
    return ExitCode.USAGE


def help_topic(context: Context) -> int:
    """Print a topic, a command's help, or the list of both; it is what was asked for, also with --quiet."""
    match context.options.topic:
        case []:
            put(help_text().rstrip(), "", "topics (appctl help TOPIC):", *_topics())
        case [topic] if topic in TOPICS:
            put(TOPICS[topic].text)
        case [name] if ALIASES.get(name, name) in COMMANDS:
            put(help_text(ALIASES.get(name, name)).rstrip())
        case ["remote", name] if name in REMOTE_COMMANDS:
            put(help_text("remote", name).rstrip())
        case words:
            raise usage(f"there is no topic {' '.join(words)!r}", f"topics: {', '.join(sorted(TOPICS))}")
    return ExitCode.DONE


def _topics() -> list[str]:
    return [f"  {name:<21} {TOPICS[name].summary}" for name in sorted(TOPICS)]
