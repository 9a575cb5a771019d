# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Redirects, followed by hand.

Guarantees: at most five hops, never from https to http, never to an address with a login in it; the
Authorization header goes to the origin it is for and is gone for good after the first hop away from it
(CVE-2023-32681: a way back does not bring it back). What the new host's address may be, `Peers` judges.
"""

from collections.abc import Mapping

from appctld.errors import CredentialScope, RegistryUnavailable
from appctld.workers.fetch.http.answer import Answer
from appctld.workers.fetch.http.session import Session
from appctld.workers.net.address import Url

HOPS = 5  # storage behind a registry needs one or two; browsers stop at 20
STATUSES = frozenset({301, 302, 303, 307, 308})


def follow(session: Session, url: Url, headers: Mapping[str, str], authorization: str | None) -> Answer:
    """GET `url` and go where its answers lead; the first answer that is no redirect.

    `authorization` is meant for the origin of `url` alone. Raises CredentialScope, and what Session.get does.
    """
    for _ in range(HOPS + 1):
        answer = session.get(url, {**headers, "Authorization": authorization} if authorization else headers)
        if answer.status not in STATUSES:
            return answer
        with answer:
            following = next_hop(url, answer.header("Location"))
        if following.origin != url.origin:
            authorization = None
        url = following
    raise CredentialScope(f"more than {HOPS} redirects, the last one to {url.origin.host}")


def next_hop(current: Url, location: str) -> Url:
    """Where `Location: location` leads from `current`. Raises CredentialScope, RegistryUnavailable."""
    host = current.origin.host
    try:
        following = current.join(location)
    except ValueError:
        if "@" in location.partition("?")[0]:
            raise CredentialScope(f"{host} redirects to an address with a login in it") from None
        raise RegistryUnavailable(f"{host} redirects to an address that cannot be read", host=host) from None
    if current.origin.scheme == "https" and following.origin.scheme != "https":
        raise CredentialScope(f"{host} redirects from https to plain HTTP at {following.origin.host}")
    return following
