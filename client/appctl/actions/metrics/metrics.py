# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl metrics FILE`: numbers about one scope, for node-exporter's textfile collector.

Guarantees: who reads FILE finds the whole of an old or of a new text, which everybody may read; where it
cannot be made the old one stays, and its age tells. What is there and is no regular file is not replaced.
"""

import stat
from pathlib import Path

from appctl.actions.metrics.exposition import exposition
from appctl.actions.metrics.gather import families
from appctl.caller_files import replace_file
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import UNWRITABLE, Failure, usage
from appctl.terminal.output import put

MODE = 0o644  # node-exporter is another user


def metrics(context: Context) -> int:
    """Write them to the file of the command line, or to standard output. Raises Failure."""
    place = context.options.file
    if place != "-":
        _check(Path(place))
    text = exposition(families(context), {"scope": context.scope.value})
    if place != "-":
        _replace(Path(place), text)
    if context.options.json:
        context.put_json({"changed": place != "-", "file": place, "text": text})
    elif place == "-":
        put(text.rstrip())
    return ExitCode.DONE


def _check(path: Path) -> None:
    """Raise Failure (Usage) for what must not be replaced: a device, say, which root could."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise usage(f"{path} is there, and is no regular file")
    except FileNotFoundError:
        return
    except OSError as error:
        raise usage(f"{path}: {error.strerror}", UNWRITABLE) from error


def _replace(path: Path, text: str) -> None:
    """Put it in the place of the old text. Raises Failure."""
    try:
        replace_file(path, text.encode(), MODE)
    except OSError as error:
        raise Failure("Failed", f"{path} cannot be written: {error.strerror}", UNWRITABLE) from error
