# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the kernel says when something fails, as leaves of errors; imports nothing that is slow to start.

Leaves to others: what libostree says (ostree/failures.py).
"""

import contextlib
import errno
from collections.abc import Iterator

from appctld.errors import AppctlError, Failed, NoSpace

_FULL = {errno.ENOSPC, errno.EDQUOT}
OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # what this process lacks says nothing about a file


@contextlib.contextmanager
def translated(doing: str, *, otherwise: type[AppctlError] = Failed) -> Iterator[None]:
    """Raise the kernel's errors as leaves; `otherwise` is the one for what is unforeseen."""
    try:
        yield
    except OSError as error:
        raise leaf(error, doing, otherwise) from error


def leaf(error: OSError, doing: str, otherwise: type[AppctlError]) -> AppctlError:
    """The leaf that says what an OSError says."""
    text = f"{doing}: {error.strerror}"
    if error.errno in _FULL:
        return NoSpace(text)
    return Failed(text) if error.errno in OURS else otherwise(text)
