# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Names on a command line, before anybody is asked about them: text, and no longer than a name may be.

What is one, and what it means, is said by references.py and by the daemon.
"""

import argparse

from appctl.failure import usage

_NAMES = ("refs", "ids", "id", "name", "names", "host")  # what commands call their arguments
NAME_LENGTH = 4096  # of a path, which a publisher's file may have; the daemon takes 1,024 of a reference
_SHOWN = 60


def check_names(options: argparse.Namespace) -> None:
    """Raise Failure (Usage) for a name that is no UTF-8 text, or far too long."""
    for attribute in _NAMES:
        given = getattr(options, attribute, None) or []
        for name in [given] if isinstance(given, str) else given:
            _check(name)


def _check(name: str) -> None:
    if len(name) > NAME_LENGTH:
        raise usage(f"a name of {len(name)} characters: {name[:_SHOWN]}…", "appctl help references")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise usage(f"a name that is no UTF-8 text: {name[:_SHOWN]}", "appctl help references") from None
