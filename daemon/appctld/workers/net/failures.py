# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What went wrong on the wire, as a leaf of the error tree.

Guarantees: no text of a library goes out, because libraries put whole URLs into theirs; the leaf names the
host. Answers with a status are not judged here (fetch/registry.py).
"""

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from appctld.errors import AppctlError, Offline, RegistryUnavailable, TlsUntrusted

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.ENETDOWN})


@dataclass(frozen=True, slots=True)
class Failure:
    """The leaf, and whether the same request may do better in a moment."""

    error: AppctlError
    again: bool


_KINDS: tuple[tuple[type[BaseException], type[AppctlError], str, bool], ...] = (
    (socket.gaierror, RegistryUnavailable, "there is no host {host}", False),
    (ssl.SSLCertVerificationError, TlsUntrusted, "{host} cannot prove who it is: {said}", False),
    (ssl.SSLError, RegistryUnavailable, "{host} does not speak TLS as it should", False),
    (ConnectionRefusedError, RegistryUnavailable, "{host} refuses connections", True),
    (TimeoutError, RegistryUnavailable, "{host} does not answer", True),
)


def translate(error: BaseException, host: str) -> Failure:
    """The leaf for an exception of requests, urllib3, ssl or socket about `host`."""
    for cause in _chain(error):
        if _no_network(cause):
            return Failure(Offline(f"there is no network, or no way to {host}", host=host), again=False)
        for kind, leaf, sentence, again in _KINDS:
            if isinstance(cause, kind):
                said = getattr(cause, "verify_message", "").rstrip(".")
                return Failure(leaf(sentence.format(host=host, said=said), host=host), again)
    return Failure(RegistryUnavailable(f"the connection to {host} broke off", host=host), again=True)


def _no_network(cause: BaseException) -> bool:
    """No name server answers, or the kernel knows no route."""
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN
    return isinstance(cause, OSError) and cause.errno in _NO_ROUTE


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Innermost first: what the libraries wrapped is what happened."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return reversed(chain)
