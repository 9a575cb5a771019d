# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Questions to the person at the terminal.

Guarantees: never a hang (no terminal, or --noninteractive, and no answer given beforehand: exit 64); `-y`
answers appctl's own questions and never one about trust; end of input is a no.
"""

import sys
from argparse import Namespace
from collections.abc import Mapping

from appctl.failure import Declined, Unanswered
from appctl.terminal.show import note

GRANT, SKIP, NO = "grant", "skip", "no"


def confirm(options: Namespace, question: str) -> None:
    """Ask something that -y may answer, yes being the default. Raises Declined when the answer is no."""
    if options.yes:
        return
    if not _answered(options, f"{question} [Y/n] ", default=True, hint="-y answers yes"):
        raise Declined


def confirm_trust(options: Namespace, question: str) -> None:
    """Ask something that only a person may answer, no being the default. Raises Declined on a no."""
    if not grants(options, question):
        raise Declined


def grants(options: Namespace, question: str) -> bool:
    """Ask the same, and return the answer. Raises Failure when nobody can be asked."""
    return _answered(options, f"{question} [y/N] ", default=False, hint="-y does not answer it")


def grant_or_skip(options: Namespace, question: str, *, skip: bool) -> str:
    """Ask what to do where something new would be granted: GRANT, SKIP (if `skip`), or NO, the default.

    Raises Failure when nobody can be asked.
    """
    choice = "y/N/s(kip new permissions)" if skip else "y/N"
    words = {"y": GRANT, "yes": GRANT, "": NO, "n": NO, "no": NO}
    words |= {"s": SKIP, "skip": SKIP} if skip else {}
    return _chosen(options, f"{question} [{choice}] ", words, hint="-y does not answer it")


def can_ask(options: Namespace) -> bool:
    """Whether there is somebody to ask."""
    return not options.noninteractive and sys.stdin is not None and sys.stdin.isatty()


def _answered(options: Namespace, prompt: str, *, default: bool, hint: str) -> bool:
    words = {"y": GRANT, "yes": GRANT, "n": NO, "no": NO, "": GRANT if default else NO}
    return _chosen(options, prompt, words, hint) == GRANT


def _chosen(options: Namespace, prompt: str, words: Mapping[str, str], hint: str) -> str:
    """Ask until one of the words is said; what it means. The end of the input means NO."""
    if not can_ask(options):
        raise Unanswered(f"a person must answer this at a terminal: {prompt.rstrip()}", hint)
    while True:
        note(prompt, end="")
        line = sys.stdin.readline()
        if not line:
            return NO
        if (answer := line.strip().lower()) in words:
            return words[answer]
