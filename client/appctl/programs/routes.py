# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""By what a remote is reached, in words: whom TLS believes there, and the proxy, as the daemon tells it."""

from pathlib import Path

from appctl.talk.wire import Json, get_object, get_str, get_strings

CERTIFICATES = Path("/etc/containers/certs.d")  # where the daemon looks
USUAL = "TLS by the bundle; no proxy"
_PLAIN = ("oci+http://", "ostree+http://")
_HERE = ("oci:/", "ostree:/")  # of this machine
_TOLD = {"file": "as its file says", "environment": "as the daemon's environment says"}


def route(remote: Json) -> str:
    """Say by what a remote is reached; nothing of one that is a directory here. Not escaped."""
    url = get_str(remote, "Url")
    if url.startswith(_HERE):
        return ""
    return f"{_believed(url, get_object(remote, 'Settings'))}; {_proxy(get_object(remote, 'Proxy'))}"


def _believed(url: str, settings: Json) -> str:
    if url.startswith(_PLAIN):
        return "no TLS"
    own = ["its own certificates"] if settings.get("ca") else []
    host = CERTIFICATES / _host(url)
    return f"TLS by {', '.join(['the bundle', *own, *([str(host)] if host.is_dir() else [])])}"


def _proxy(proxy: Json) -> str:
    address, said_by = get_str(proxy, "address"), get_str(proxy, "from")
    if not address:
        return f"no proxy, {_TOLD['file']}" if said_by == "file" else "no proxy"
    direct = ", ".join(get_strings(proxy, "direct"))
    return f"proxy {address}, {_TOLD.get(said_by, '')}" + (f", but not for {direct}" if direct else "")


def _host(url: str) -> str:
    return url.rpartition("://")[2].partition("/")[0]
