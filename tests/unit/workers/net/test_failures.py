# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Library exceptions become leaves that say which host, and nothing of the address."""

import errno
import socket
import ssl

import pytest
import requests
import urllib3.exceptions

from appctld import errors
from appctld.workers.net.failures import translate

SECRET = "https://storage.example/blob?signature=secret"


def certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


CASES = [
    (socket.gaierror(socket.EAI_AGAIN, "try again"), errors.Offline, False),
    (socket.gaierror(socket.EAI_NONAME, "unknown"), errors.RegistryUnavailable, False),
    (OSError(errno.ENETUNREACH, "unreachable"), errors.Offline, False),
    (OSError(errno.EHOSTUNREACH, "no route"), errors.RegistryUnavailable, True),
    (certificate_error(), errors.TlsUntrusted, False),
    (ssl.SSLError(1, "wrong version number"), errors.RegistryUnavailable, False),
    (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), errors.RegistryUnavailable, True),
    (ConnectionResetError(errno.ECONNRESET, "reset"), errors.RegistryUnavailable, True),
    (TimeoutError("timed out"), errors.RegistryUnavailable, True),
    (urllib3.exceptions.ReadTimeoutError(None, SECRET, "late"), errors.RegistryUnavailable, True),  # type: ignore[arg-type]
    (urllib3.exceptions.IncompleteRead(1, 2), errors.RegistryUnavailable, True),
]


def wrapped(cause: Exception) -> Exception:
    """As urllib3 (with `from`) and requests (without) wrap, both with the address in their text."""
    inner = urllib3.exceptions.MaxRetryError(None, SECRET, cause)  # type: ignore[arg-type]
    inner.__cause__ = cause
    outer = requests.ConnectionError(inner)
    outer.__context__ = inner
    return outer


@pytest.mark.parametrize(("cause", "leaf", "again"), CASES)
def test_the_innermost_cause_decides(cause: Exception, leaf: type[errors.AppctlError], again: bool) -> None:  # noqa: FBT001 - a table's column
    for error in (cause, wrapped(cause)):
        failure = translate(error, "registry.example")
        assert type(failure.error) is leaf
        assert failure.again is again
        assert "registry.example" in failure.error.message
        assert "secret" not in repr(failure.error.to_wire())


def test_a_certificate_error_says_why() -> None:
    assert "self-signed certificate" in translate(certificate_error(), "registry.example").error.message
