# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What registries are reached by: the certificate authorities that are believed, and no proxy."""

import os
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.context import Context

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")  # where the daemon looks
_PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def authorities(_context: Context) -> Iterator[Finding]:
    """Whether any server can prove who it is."""
    import ssl

    hint = "apt install ca-certificates; update-ca-certificates"
    believed = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        believed.load_verify_locations(CA_BUNDLE)
    except OSError as error:  # ssl.SSLError among them: no certificate in it
        yield problem("ca-bundle", f"{CA_BUNDLE}: {error.strerror or error}", hint)
    else:
        number = believed.cert_store_stats()["x509_ca"]
        yield ok("ca-bundle", f"{number} authorities in {CA_BUNDLE}")


def proxy(_context: Context) -> Iterator[Finding]:
    """Whether the caller goes out by a proxy, which appctl does not use."""
    told = next((f"{name}={os.environ[name]}" for name in _PROXIES if os.environ.get(name)), "")
    if told:
        message = f"{_without_login(told)} is set, and appctl asks registries directly"
        yield warning("proxy", message, "let this machine reach its registries without")
    else:
        yield ok("proxy", "registries are asked directly")


def _without_login(text: str) -> str:
    """Leave out user and password, which belong on no screen."""
    before, at, host = text.rpartition("@")
    scheme = before.partition("//")[0] + "//" if "//" in before else before.partition("=")[0] + "="
    return f"{scheme}…@{host}" if at else text
