# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The one HTTP session: whom it believes, how long it waits, how often it tries again.

Guarantees: nothing comes from this process's environment (no proxy, .netrc, CA variable), no cookie is kept,
TLS is always verified against the distribution's bundle and the remote's own CA, redirects are only reported,
every connection passes `Peers`. The deadline of the whole is the parent's. No library's log line goes
anywhere: they carry URLs. It asks and fills in forms for tokens; who may write has a session of its own kind
(export/registry/session.py), which no fetcher has.
"""

import functools
import logging
import ssl
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Self

import requests
import urllib3.exceptions
from urllib3.util.retry import Retry

from appctld.errors import CredentialScope
from appctld.workers.fetch.endpoint import Endpoint
from appctld.workers.fetch.http.adapter import CheckedAdapter
from appctld.workers.fetch.http.answer import REPORTED_SECONDS, Answer
from appctld.workers.net import authorities
from appctld.workers.net.address import Url, names_loopback
from appctld.workers.net.failures import Failure, translate
from appctld.workers.net.peers import Peers

CONNECT_SECONDS = 10.0  # an address that does not answer in this time will not
READ_SECONDS = 30.0  # between two bytes; answer.py has the floor for many
PATIENCE_SECONDS = 30.0  # a longer Retry-After goes to the caller, who can do something else meanwhile
RETRY = Retry(
    total=3,
    status_forcelist=(
        429,
        502,
        503,
        504,
    ),  # busy, or a proxy without its server: the same request may succeed
    backoff_factor=0.5,
    retry_after_max=REPORTED_SECONDS,
)

logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)


class Session:
    """`with Session(endpoint) as session:`; one per worker."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._insecure = endpoint.insecure
        peers = Peers(endpoint.registry, insecure=endpoint.insecure, proxies=endpoint.proxies)
        context = _context(endpoint.ca, authorities.CA_BUNDLE)
        self._http = _http(CheckedAdapter(peers, context))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, url: Url, headers: Mapping[str, str]) -> Answer:
        """GET, tried again while that may help; whatever status stays is returned, redirects too.

        Raises Transport leaves, TlsUntrusted, and CredentialScope for an address that must not be asked.
        """
        return self._patiently(requests.Request("GET", str(url), headers=dict(headers)), url)

    def post(self, url: Url, form: Mapping[str, str]) -> Answer:
        """POST a form, once: it is not ours to repeat."""
        return self._once(requests.Request("POST", str(url), data=dict(form)), url)

    def _patiently(self, request: requests.Request, url: Url) -> Answer:
        """What changes nothing there may be asked again."""
        retry: Retry | None = RETRY
        while True:
            found = self._send(request, url)
            retry = _next(retry) if retry and _worth_another_try(found) else None
            if retry is None:
                return _answer(found)
            sleep(_pause(retry, found))

    def _once(self, request: requests.Request, url: Url, patience: float | None = None) -> Answer:
        return _answer(self._send(request, url, patience))

    def _send(self, request: requests.Request, url: Url, patience: float | None = None) -> Answer | Failure:
        if url.origin.scheme == "http" and not self._insecure and not names_loopback(url.origin.host):
            raise CredentialScope(f"plain HTTP to {url.origin.host}: it is for this machine only")
        try:
            response = self._http.send(
                self._http.prepare_request(request),
                stream=True,
                timeout=(CONNECT_SECONDS, READ_SECONDS if patience is None else patience),
                allow_redirects=False,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return translate(error, url.origin.netloc)
        return Answer(url, response)


class _Http(requests.Session):
    """A session that sees no redirect: requests would read its body whole, whatever its length."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - the base's signature
        return None


def _http(adapter: CheckedAdapter) -> requests.Session:
    http = _Http()
    http.trust_env = False
    http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    http.headers.clear()
    http.headers.update({"User-Agent": "appctl", "Accept": "*/*", "Accept-Encoding": "identity"})
    http.mount("http://", adapter)
    http.mount("https://", adapter)
    return http


@functools.lru_cache(1)  # reading the bundle takes longer than a small document, of which a job asks three
def _context(ca: str | None, bundle: Path) -> ssl.SSLContext:
    """Verifies hosts against the distribution's bundle and `ca`; with neither, nobody is trusted.

    It is kept: what the authorities are when a worker first asks they are for its few requests.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authorities.load_authorities(context, bundle, ca)
    return context


def _worth_another_try(found: Answer | Failure) -> bool:
    if isinstance(found, Failure):
        return found.again
    return RETRY.is_retry("GET", found.status) and (found.retry_after or 0.0) <= PATIENCE_SECONDS


def _pause(retry: Retry, found: Answer | Failure) -> float:
    """Seconds to wait before the next try; the answer is closed unread, however long it is."""
    asked = None
    if isinstance(found, Answer):
        asked = found.retry_after
        found.close()
    return retry.get_backoff_time() if asked is None else asked


def _next(retry: Retry) -> Retry | None:
    try:
        return retry.increment("GET")
    except urllib3.exceptions.MaxRetryError:
        return None


def _answer(found: Answer | Failure) -> Answer:
    if isinstance(found, Failure):
        raise found.error
    return found
