# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What registries are reached by: the certificate authorities that are believed, and proxies."""

import os
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.doctor.finding import Finding, ok, problem, warning
from appctl.context import Context
from appctl.failure import Failure
from appctl.programs.routes import route
from appctl.scope import Scope
from appctl.talk.bus import REMOTE
from appctl.talk.wire import get_str

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")  # where the daemon looks
_GIVEN = {
    Scope.SYSTEM: "systemctl edit appctl.service    (Environment={name}=…)",
    Scope.USER: "systemctl --user import-environment {name}",
}
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


def proxy(context: Context) -> Iterator[Finding]:
    """Whether the caller goes out by a proxy: the daemon asks registries, and its environment counts."""
    name = next((name for name in _PROXIES if os.environ.get(name)), "")
    if name:
        told = _without_login(f"{name}={os.environ[name]}")
        message = f"{told} is set for you; the daemon has the environment that it was started with"
        yield warning("proxy", message, _GIVEN[context.scope].format(name=name))
    else:
        yield ok("proxy", "none is set for you")


def routes(context: Context) -> Iterator[Finding]:
    """By which certificates and which proxy each remote is reached."""
    try:
        remotes = context.bus(context.scope).objects(REMOTE)
    except Failure:
        return  # no daemon, which its own check tells
    for remote in remotes.values():
        if reached := route(remote):
            yield ok("routes", f"remote {get_str(remote, 'Name')}: {reached}")


def _without_login(text: str) -> str:
    """Leave out user and password, which belong on no screen."""
    before, at, host = text.rpartition("@")
    scheme = before.partition("//")[0] + "//" if "//" in before else before.partition("=")[0] + "="
    return f"{scheme}…@{host}" if at else text
