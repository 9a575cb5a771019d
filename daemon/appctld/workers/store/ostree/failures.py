# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What libostree and the kernel say when something fails, as leaves of errors.

Guarantees: nothing of GLib and no OSError leaves a `translated` block. Leaves to others: failures of our own,
which are leaves already and pass through.
"""

import contextlib
from collections.abc import Iterator

from gi.repository import Gio, GLib

from appctld.errors import AppctlError, Busy, Failed, NoSpace, RepoCorrupt
from appctld.workers.store import kernel


@contextlib.contextmanager
def translated(doing: str, *, otherwise: type[AppctlError] = Failed) -> Iterator[None]:
    """Raise libostree's and the kernel's errors as leaves; `otherwise` is the one for what is unforeseen."""
    try:
        yield
    except GLib.Error as error:
        raise _leaf(error, doing, otherwise) from error
    except OSError as error:
        raise kernel.leaf(error, doing, otherwise) from error


def _leaf(error: GLib.Error, doing: str, otherwise: type[AppctlError]) -> AppctlError:
    text = f"{doing}: {error.message}"
    if _is(error, Gio.IOErrorEnum.WOULD_BLOCK):
        return Busy("something else uses the repository")
    if _is(error, Gio.IOErrorEnum.NO_SPACE):
        return NoSpace(text)
    if "lock file" in error.message:
        return Failed(text)  # libostree 2022.7 has lost by then why, and says NOT_FOUND
    if _is(error, Gio.IOErrorEnum.NOT_FOUND) or "Corrupted" in error.message:
        return RepoCorrupt(text)
    return otherwise(text)


def _is(error: GLib.Error, code: Gio.IOErrorEnum) -> bool:
    return error.matches(Gio.io_error_quark(), code)
