# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's file from the address that somebody was given for it.

Guarantees: https, also after a redirect; no credential is sent; a server on the Internet leads to no address
that only this machine can reach; at most 64 KiB are read. What the file is worth, a person says.
"""

from appctld.errors import InvalidReference, NotFound
from appctld.workers.fetch.endpoint import Endpoint, plain_url
from appctld.workers.fetch.http.redirects import follow
from appctld.workers.fetch.http.session import Session
from appctld.workers.net.proxies import DIRECT, Proxies

DOCUMENT_BYTES = 64 << 10  # what the daemon reads of one
_OK = 200
_ABSENT = frozenset({404, 410})


def read_document(address: str, ca: str | None = None, proxies: Proxies = DIRECT) -> bytes:
    """What stands there. Raises InvalidReference, NotFound, LimitExceeded, CredentialScope, Transport."""
    url = plain_url(address, "address")
    if url.origin.scheme != "https":
        raise InvalidReference("a publisher's file is fetched by https alone")
    nobody = Endpoint(
        url.origin, "", insecure=False, auth_realm=None, ca=ca, credential=None, proxies=proxies
    )
    with Session(nobody) as session, follow(session, url, {}, None) as answer:
        if answer.status in _ABSENT:
            raise NotFound(f"there is no {url.shown}", hint="ask the publisher where it is")
        if answer.status != _OK:
            raise answer.unwanted()
        return answer.read(DOCUMENT_BYTES)
