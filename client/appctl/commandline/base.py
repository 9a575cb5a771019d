# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The kind of argument parser that all commands have, and the one that stands for commands nobody typed.

Making all parsers takes longer than everything else that a short command does, so that of a command line
only the parser of its command is made whole.
"""

import argparse
import contextlib
import os
import sys
from typing import NoReturn, cast

from appctl.failure import usage
from appctl.terminal.output import put

DETACH = "leave the job running and print its path; the same command again waits for it"
_COLUMNS = 80  # where there is no terminal


class Parser(argparse.ArgumentParser):
    """Tells what is wrong as a Failure: one way to report, one exit code."""

    def error(self, message: str) -> NoReturn:
        """Raise Failure (Usage)."""
        raise usage(message, f"{self.prog} --help")

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 - argparse gives none
        """Print it so that it arrives, or is missed."""
        put(self.format_help().rstrip())

    def _get_formatter(self) -> argparse.HelpFormatter:
        """As wide as the terminal. argparse asks for one with every argument, and imports shutil for that."""
        return argparse.HelpFormatter(prog=self.prog, width=_columns() - 2)


class Unasked(argparse.ArgumentParser):
    """A parser that takes every option and keeps none."""

    def __init__(self) -> None:
        """Make nothing."""

    def add_argument(self, *_names: object, **_more: object) -> argparse.Action:
        """Add nothing."""
        return cast("argparse.Action", self)

    def set_defaults(self, **_more: object) -> None:
        """Set nothing."""

    def add_argument_group(self, *_names: object, **_more: object) -> argparse._ArgumentGroup:
        """Make no group."""
        return cast("argparse._ArgumentGroup", self)  # noqa: SLF001

    def add_mutually_exclusive_group(self, **_more: object) -> argparse._MutuallyExclusiveGroup:
        """Make no group."""
        return cast("argparse._MutuallyExclusiveGroup", self)  # noqa: SLF001


def add_detach(parser: argparse.ArgumentParser) -> None:
    """Give a command that starts a job the option to leave it."""
    parser.add_argument("-d", "--detach", action="store_true", help=DETACH)


def _columns() -> int:
    """The terminal's, unless $COLUMNS says otherwise: what shutil says of it."""
    with contextlib.suppress(ValueError):
        if (said := int(os.environ.get("COLUMNS", "0"))) > 0:
            return said
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or _COLUMNS  # type: ignore[union-attr]
    return _COLUMNS
