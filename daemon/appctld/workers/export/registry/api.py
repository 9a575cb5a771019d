# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The API of one repository, as one who writes to it asks (distribution-spec, "Endpoints").

Guarantees: a login or token goes to the registry's own origin alone, and is asked for again only where the
registry says so, once a request (tokens end in the middle of a long push); a redirect is judged as a
fetcher's, and one of a write is followed only where that means the same request.
"""

from collections.abc import Callable, Mapping, Sequence

from appctld.errors import AppctlError, CredentialScope, NotFound, RegistryUnavailable
from appctld.model.jsonvalue import JsonError, get_objects, get_str, parse_object
from appctld.workers.export.registry.session import WritingSession
from appctld.workers.fetch.endpoint import Endpoint
from appctld.workers.fetch.http.answer import Answer
from appctld.workers.fetch.http.redirects import HOPS, STATUSES, next_hop
from appctld.workers.fetch.token import authorize, pulling, refusal
from appctld.workers.net.address import Url

ERROR_BYTES = 16 << 10  # of an answer that says no; real ones have some hundred
_SAME_REQUEST = frozenset({307, 308})  # RFC 9110, 15.4: the others may turn it into a GET
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_REFUSED = range(400, 429)
_MAY = "may you write there, and does that registry take such images?"
_READS = frozenset({"GET", "HEAD"})


class Api:
    """`sources` are repositories of the same registry whose blobs may be mounted."""

    def __init__(self, endpoint: Endpoint, session: WritingSession, sources: Sequence[str] = ()) -> None:
        self.endpoint = endpoint
        self._session = session
        self._scopes = (f"repository:{endpoint.repository}:pull,push", *map(pulling, sources))
        self._authorization: str | None = None

    def look(self, method: str, url: Url, headers: Mapping[str, str] | None = None) -> Answer:
        """GET or HEAD; any status."""
        ask = self._session.head if method == "HEAD" else self._session.get
        return self._with_login(method, url, headers or {}, ask)

    def write(
        self, method: str, url: Url, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """POST, PATCH, PUT or DELETE; any status. Raises leaves of Transport, CredentialScope."""

        def ask(at: Url, all_headers: Mapping[str, str]) -> Answer:
            return self._session.write(method, at, all_headers, body)

        return self._with_login(method, url, headers or {}, ask)

    def refused(self, answer: Answer) -> AppctlError:
        """The error for an answer that is not what was wanted; it is read for a word of explanation."""
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            return refusal(self.endpoint, answer.status)
        host, repository = self.endpoint.registry.netloc, self.endpoint.repository
        if answer.status == _NOT_FOUND:
            return NotFound(f"{host} has no repository {repository} (HTTP {answer.status})", host=host)
        if answer.status not in _REFUSED:
            return answer.unwanted()
        why = _explained(answer)
        return RegistryUnavailable(
            f"{host} does not take it: {why}HTTP {answer.status}", host=host, status=answer.status, hint=_MAY
        )

    def _with_login(
        self,
        method: str,
        url: Url,
        headers: Mapping[str, str],
        ask: Callable[[Url, Mapping[str, str]], Answer],
    ) -> Answer:
        answer = self._follow(method, url, headers, ask)
        if answer.status == _UNAUTHORIZED and answer.url.origin == self.endpoint.registry:
            with answer:
                challenge = answer.header("WWW-Authenticate")
            self._authorization = authorize(challenge, self.endpoint, self._session, self._scopes)
            answer = self._follow(method, url, headers, ask)
        return answer

    def _follow(
        self,
        method: str,
        url: Url,
        headers: Mapping[str, str],
        ask: Callable[[Url, Mapping[str, str]], Answer],
    ) -> Answer:
        ours = self._authorization is not None
        for _ in range(HOPS + 1):
            ours = ours and url.origin == self.endpoint.registry  # once away, for good
            known = {"Authorization": self._authorization} if ours and self._authorization else {}
            answer = ask(url, {**headers, **known})
            if answer.status not in STATUSES:
                return answer
            with answer:
                if method not in _READS and answer.status not in _SAME_REQUEST:
                    raise answer.unwanted()
                url = next_hop(url, answer.header("Location"))
        raise CredentialScope(f"more than {HOPS} redirects, the last one to {url.origin.host}")


def _explained(answer: Answer) -> str:
    """What the registry says, in its own words for programs; nothing where it has none."""
    try:
        errors = get_objects(parse_object(answer.read(ERROR_BYTES), ERROR_BYTES), "errors")
        words = ", ".join(get_str(error, "code")[:80] for error in errors[:4])
    except (JsonError, AppctlError):
        return ""
    return f"{words}, " if words.isascii() and words.isprintable() and words else ""
