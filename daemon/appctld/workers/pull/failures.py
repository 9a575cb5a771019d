# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What libostree and libcurl say when a pull fails, as leaves of errors.

Guarantees: nothing of GLib and no OSError leaves a `translated` block, and no text with the proxy's password.
Leaves to others: what the tunnel and the watch saw themselves, which is closer to the cause.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterator

from gi.repository import Gio, GLib

from appctld.errors import (
    AppctlError,
    DigestMismatch,
    Failed,
    LimitExceeded,
    NoSpace,
    NotFound,
    RateLimited,
    RegistryAuth,
    RegistryUnavailable,
    TlsUntrusted,
)
from appctld.workers.pull.source import Source

_FULL = {errno.ENOSPC, errno.EDQUOT}
# libostree has no codes for most of it; each pattern is what 2022.7 and 2025.2 say
_SAID: tuple[tuple[str, type[AppctlError], str], ...] = (
    (os.strerror(errno.ENOSPC), NoSpace, "the disk is full"),
    (os.strerror(errno.EFBIG), LimitExceeded, "{place} sends a file that is larger than it may be"),
    ("exceeded maximum size", LimitExceeded, "{place} sends a document that is larger than it may be"),
    ("No such branch", NotFound, "{place} has no such ref"),
    ("HTTP 401", RegistryAuth, "{place} wants a login (HTTP 401)"),
    ("HTTP 429", RateLimited, "{place} has had too many requests (HTTP 429)"),
    ("HTTP [0-9]+", RegistryUnavailable, "{place} cannot answer ({said})"),
    (r"\[(?:51|60|77)\]", TlsUntrusted, "{place} cannot prove who it is"),
    (r"\[[0-9]+\] .*", RegistryUnavailable, "the connection to {place} broke off: {said}"),
    (
        "(?i:corrupt|checksum|invalid|truncated).*",
        DigestMismatch,
        "{place} sends other bytes than it names: {said}",
    ),
)


@contextlib.contextmanager
def translated(source: Source, *, whole: bool, secret: str) -> Iterator[None]:
    """Raise libostree's and the kernel's errors as leaves. `whole`: what is missing is part of a commit."""
    try:
        yield
    except GLib.Error as error:
        raise _leaf(error, source.place, whole=whole, secret=secret) from error
    except OSError as error:
        kind = NoSpace if error.errno in _FULL else Failed
        raise kind(f"the quarantine cannot be used: {error.strerror}") from error


def _leaf(error: GLib.Error, place: str, *, whole: bool, secret: str) -> AppctlError:
    message = error.message.replace(secret, "…") if secret else error.message
    if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE):
        return NoSpace("the disk is full")
    if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND):
        return _missing(place, message, whole=whole)
    for pattern, kind, sentence in _SAID:
        if found := re.search(pattern, message):
            return kind(sentence.format(place=place, said=found[0]))
    return Failed(f"the pull from {place} failed: {message}")


def _missing(place: str, message: str, *, whole: bool) -> AppctlError:
    """What one asked for, or a part of what was promised."""
    if whole:
        return RegistryUnavailable(f"{place} lacks a part of the commit: {message}")
    return NotFound(f"{place} has no such ref or commit: {message}")
