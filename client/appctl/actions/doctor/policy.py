# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The administrator's policy: while one of its files is wrong the daemon installs and updates nothing.

Leaves to others: whether the values are right, which whoever is refused is told by file and line.
"""

from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem
from appctl.context import Context
from appctl.places import SYSTEM_CONFIG
from appctl.programs.remote_files import counts, read_settings

KEYS = (
    "allow-remotes",
    "require-signatures",
    "deny-permissions",
    "user-scope",
    "max-size",
    "automatic-updates",
)


def policy(_context: Context) -> Iterator[Finding]:
    """Whether all files can be read, and how many there are; of the machine, for both scopes."""
    directory = SYSTEM_CONFIG / "policy.d"
    try:
        paths = sorted(path for path in directory.iterdir() if counts(path))
        wrong = {path: why for path in paths if (why := _wrong(path))}
    except OSError as error:
        gone = isinstance(error, FileNotFoundError) and not directory.is_symlink()
        paths, wrong = [], {} if gone else {directory: error.strerror or str(error)}
    for path, why in wrong.items():
        yield problem("policy", f"{path}: {why}: nothing is installed or updated", "man appctl-policy.d")
    if not wrong:
        yield ok("policy", f"{len(paths)} files in {directory}" if paths else "none: nothing is forbidden")


def _wrong(path: Path) -> str:
    try:
        unknown = read_settings(path, "policy").keys() - set(KEYS)
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:
        return str(error)
    return f"'{min(unknown)}' is no key of a policy" if unknown else ""
